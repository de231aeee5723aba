package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bench/wire"
)

func TestAdaptersAskForAnswers(t *testing.T) {
	t.Parallel()
	data := []byte(`{"m":1}`)
	since := &wire.Position{Epoch: "e1", Seq: 10}
	for name, c := range map[string]struct {
		p                            wire.Protocol
		subscribe, resume, publishes string
	}{
		"troupe": {wire.Troupe{},
			`{"type":"subscribe","topic":"a:1","ref":4}`,
			`{"type":"subscribe","topic":"a:1","ref":4,"since":10,"epoch":"e1"}`,
			`{"type":"publish","topic":"a:1","event":"m","ref":4,"data":{"m":1}}`},
		"centrifuge": {wire.Centrifuge{},
			`{"id":6,"subscribe":{"channel":"a:1"}}`,
			`{"id":6,"subscribe":{"channel":"a:1","recover":true,"offset":10,"epoch":"e1"}}`,
			`{"id":6,"publish":{"channel":"a:1","data":{"m":1}}}`},
		"floor": {wire.Floor{}, `sa:1 -1`, `sa:1 10`, `pa:1 {"topic":"a:1","event":"m","data":{"m":1}}`},
	} {
		got := string(c.p.Subscribe(wire.Subscription{Topic: "a:1", Ref: 4}))
		if got != c.subscribe {
			t.Errorf("%s: subscribe is %s", name, got)
		}
		got = string(c.p.Subscribe(wire.Subscription{Topic: "a:1", Ref: 4, Since: since}))
		if got != c.resume {
			t.Errorf("%s: resume is %s", name, got)
		}
		got = string(c.p.Publish([]byte("before "), "a:1", 4, data))
		if got != "before "+c.publishes {
			t.Errorf("%s: publish is %s", name, got)
		}
		if name != "floor" && !json.Valid([]byte(c.publishes)) {
			t.Errorf("%s: publish is not JSON", name)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	joined := wire.Position{Epoch: "x", Seq: 9}
	for _, c := range []struct {
		p       wire.Protocol
		message string
		want    wire.Answer
	}{
		{wire.Troupe{}, `{"type":"welcome","sessionId":"s","node":"n","resumed":false}`, wire.Answer{Welcomed: true}},
		{wire.Troupe{}, `{"type":"subscribed","topic":"t","ref":1,"seq":9,"epoch":"x"}`, wire.Answer{Joined: true, Position: joined}},
		{wire.Troupe{}, `{"type":"subscribed","topic":"t","ref":1}`, wire.Answer{Joined: true}},
		{wire.Troupe{}, `{"type":"published","ref":1,"seq":9,"epoch":"x"}`, wire.Answer{Published: 1}},
		{wire.Troupe{}, `{"topic":"t","event":"m","data":1}`, wire.Answer{}},
		{wire.Troupe{}, `{"type":"ping"}`, wire.Answer{}},
		{wire.Centrifuge{}, `{"id":1,"connect":{"client":"c","ping":25,"pong":true}}`, wire.Answer{Welcomed: true}},
		{wire.Centrifuge{}, `{"id":3,"subscribe":{"recoverable":true,"epoch":"x","offset":9}}`, wire.Answer{Joined: true, Position: joined}},
		{wire.Centrifuge{}, `{"id":3,"subscribe":{}}`, wire.Answer{Joined: true}},
		{wire.Centrifuge{}, `{"id":3,"publish":{}}` + "\n" + `{"id":4,"publish":{}}`, wire.Answer{Published: 2}},
		{wire.Centrifuge{}, `{"push":{"channel":"t","pub":{"data":1}}}`, wire.Answer{}},
		{wire.Floor{}, `w`, wire.Answer{Welcomed: true}},
		{wire.Floor{}, `j9`, wire.Answer{Joined: true, Position: wire.Position{Seq: 9}}},
		{wire.Floor{}, `a`, wire.Answer{Published: 1}},
		{wire.Floor{}, ``, wire.Answer{}},
	} {
		got := c.p.Read([]byte(c.message))
		if got.Err != nil || got.Pong != nil || got.Welcomed != c.want.Welcomed || got.Joined != c.want.Joined ||
			got.Position != c.want.Position || got.Published != c.want.Published {
			t.Errorf("%T of %s: got %+v, want %+v", c.p, c.message, got, c.want)
		}
	}
}

func TestRefusalsAreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p       wire.Protocol
		message string
	}{
		{wire.Troupe{}, `{"type":"subscribe-denied","topic":"t","ref":1,"reason":"FORBIDDEN"}`},
		{wire.Troupe{}, `{"type":"publish-denied","ref":1,"reason":"RATE_LIMITED"}`},
		{wire.Troupe{}, `{"type":"error","code":"UNKNOWN_FRAME"}`},
		{wire.Troupe{}, `{"topic":"t","event":"truncated","data":{"since":1}}`},
		{wire.Troupe{}, `{"topic":"t","event":"stale","data":{"since":1}}`},
		{wire.Centrifuge{}, `{"id":3,"error":{"code":103,"message":"permission denied"}}`},
		{wire.Centrifuge{}, `{"id":3,"publish":{}}` + "\n" + `{"id":3,"error":{"code":103}}`},
		{wire.Centrifuge{}, `{"id":3,"subscribe":{"was_recovering":true,"epoch":"x"}}`},
		{wire.Centrifuge{}, `{"push":{"channel":"t","unsubscribe":{"code":2500}}}`},
	} {
		if err := c.p.Read([]byte(c.message)).Err; !errors.Is(err, wire.ErrRefused) {
			t.Errorf("%T of %s: got %v", c.p, c.message, err)
		}
	}
	for _, p := range []wire.Protocol{wire.Troupe{}, wire.Centrifuge{}} {
		if err := p.Read([]byte("}")).Err; err == nil {
			t.Errorf("%T took what is no JSON", p)
		}
	}
}

func TestPingsAreAnswered(t *testing.T) {
	t.Parallel()
	event := `{"push":{"channel":"t","pub":{"data":1}}}`
	for _, message := range []string{"{}", event + "\n{}", "{}\n" + event, event + "\n{}\n" + event} {
		if !wire.HasPing([]byte(message)) {
			t.Errorf("%q has no ping", message)
		}
		if got := (wire.Centrifuge{}).Read([]byte(message)); string(got.Pong) != "{}" {
			t.Errorf("%q is answered with %q", message, got.Pong)
		}
	}
	if wire.HasPing([]byte(strings.Repeat(event+"\n", 3))) {
		t.Error("events alone have a ping")
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"type":"welcome"}`, `{"topic":"t","event":"m","data":1}`, `{"id":1,"connect":{}}` + "\n{}",
		`{"id":3,"subscribe":{"was_recovering":true}}`, `j12`, `j`, `[]`, `null`, "\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, p := range []wire.Protocol{wire.Troupe{}, wire.Centrifuge{}, wire.Floor{}} {
			if a := p.Read(message); a.Pong != nil && !wire.HasPing(message) {
				t.Fatalf("%T found a ping that HasPing did not: %q", p, message)
			}
		}
		if _, topic, body, ok := wire.ParseFloor(message); ok && len(topic)+len(body)+2 != len(message) {
			t.Fatalf("%q was cut into %q and %q", message, topic, body)
		}
	})
}
