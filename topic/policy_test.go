package topic_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/topic"
)

func TestPublishRefused(t *testing.T) {
	t.Parallel()
	topics := start(t, topic.Config{})
	for name, tc := range map[string]struct {
		topic string
		m     topic.Message
		field string
	}{
		"topic empty":          {"", topic.Message{Event: "e"}, "topic"},
		"topic too long":       {strings.Repeat("x", 257), topic.Message{Event: "e"}, "topic"},
		"topic with a quote":   {`a"b`, topic.Message{Event: "e"}, "topic"},
		"topic with a newline": {"a\nb", topic.Message{Event: "e"}, "topic"},
		"topic not UTF-8":      {"a\xff", topic.Message{Event: "e"}, "topic"},
		"event empty":          {"a", topic.Message{}, "event"},
		"event with backslash": {"a", topic.Message{Event: `a\b`}, "event"},
		"data not JSON":        {"a", topic.Message{Event: "e", Data: []byte("{")}, "data"},
		"data not UTF-8":       {"a", topic.Message{Event: "e", Data: []byte("\"\xff\"")}, "data"},
		"id too long":          {"a", topic.Message{Event: "e", ID: strings.Repeat("x", 513)}, "id"},
	} {
		_, err := topics.Publish(t.Context(), tc.topic, tc.m)
		var input *topic.InputError
		if !errors.As(err, &input) || input.Field != tc.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if topics.Len() != 0 {
		t.Errorf("%d actors for what was refused", topics.Len())
	}
	if err := topic.CheckName("räum", false); err == nil {
		t.Error("other scripts need to be allowed")
	}
	if err := topic.CheckName("räum", true); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	_, err := topic.Start(topic.Config{Timeout: -1, Policies: []topic.Policy{{History: -5, TTL: -1}, {Match: "[", Idle: -7, Slow: 9}}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"system", "log", "timeout", "topics[0]", "history.size", "history.ttl", "topics[1]", "match", "idle", "slow"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not mention %s:\n%v", want, err)
		}
	}
}

func TestPolicyMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "anything/at:all", true}, {"room:*", "room:42", true}, {"room:*", "room:a/b", true}, {"room:*", "lobby", false},
		{"room:?", "room:4", true}, {"room:?", "room:42", false}, {"a*c", "a/b/c", true}, {"a", "a", true}, {"a", "b", false},
		{"*:log", "x:log", true}, {"[ab]x", "bx", true}, {"", "", true},
	} {
		if got := topic.Match(tc.pattern, tc.name); got != tc.want {
			t.Errorf("Match(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
	ps := topic.Policies{{Match: "a*", History: 1}, {Match: "*", History: 2}}
	if ps.For("abc").History != 1 || ps.For("b").History != 2 || (topic.Policies{}).For("b").History != topic.DefaultHistory {
		t.Error("the first match decides")
	}
}
