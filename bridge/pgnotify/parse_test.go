package pgnotify

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
)

// checkMessage looks whether what is taken for good is: topics do not look again.
func checkMessage(t *testing.T, m *Message) {
	t.Helper()
	if !m.checked {
		t.Error("is not checked")
	}
	if len(m.Data) > 0 && (!json.Valid(m.Data) || !utf8.Valid(m.Data)) {
		t.Errorf("data %q", m.Data)
	}
	if err := topic.CheckName(m.Topic, true); err != nil {
		t.Error(err)
	}
	if err := topic.CheckEvent(m.Event); err != nil {
		t.Error(err)
	}
}

func TestParseJSON(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]Message{
		`{"topic":"a","event":"b"}`: {Topic: "a", Event: "b"},
		` {"x":1,"data" : {"k": [1, 2.50]} ,"event":"b","topic":"ä","id":"i"}`: {Topic: "ä", Event: "b", Data: []byte(`{"k": [1, 2.50]}`), ID: "i"},
		`{"topic":"a","event":"b","data":null}`:                                {Topic: "a", Event: "b", Data: []byte(`null`)},
		`{"topic":"\u0061","event":"b","data":"\u0000"}`:                       {Topic: "a", Event: "b", Data: []byte(`"\u0000"`)},
	} {
		m, err := ParseJSON("c", payload)
		if err != nil {
			t.Errorf("%s: %v", payload, err)
			continue
		}
		checkMessage(t, m)
		if m.Topic != want.Topic || m.Event != want.Event || string(m.Data) != string(want.Data) || m.ID != want.ID {
			t.Errorf("%s is %+v", payload, m)
		}
	}
}
