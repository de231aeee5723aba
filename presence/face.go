package presence

import (
	"encoding/json"
	"strconv"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// Names of the events that receivers are sent.
const (
	EventState     = "presence_state"
	EventDiff      = "presence_diff"
	EventHeartbeat = "heartbeat"
)

// A face writes what protocol.md §5 says of presence. It belongs to one actor. The
// whole roster is written once per change, however many ask for it.
type face struct {
	state *topic.Batch
	rev   uint64
}

func (f *face) State(v *roster.View, _ string) *topic.Batch {
	if f.state == nil || f.rev != v.Rev {
		b := appendMembers(make([]byte, 0, 64+96*len(v.Members)), func(yield func(string, []byte)) {
			for key, value := range v.Members {
				yield(key, value)
			}
		})
		f.state, f.rev = batch(v, EventState, b), v.Rev
	}
	return f.state
}

func (f *face) Diff(v *roster.View, changes []roster.Moved) *topic.Batch {
	f.state = nil
	b := append(make([]byte, 0, 64+96*len(changes)), `{"joins":`...)
	b = appendMembers(b, func(yield func(string, []byte)) {
		for _, c := range changes {
			if c.Value != nil {
				yield(c.Key, c.Value)
			}
		}
	})
	b = append(b, `,"leaves":`...)
	b = appendMembers(b, func(yield func(string, []byte)) {
		for _, c := range changes {
			if c.Value == nil {
				yield(c.Key, c.Before)
			}
		}
	})
	return batch(v, EventDiff, append(b, '}'))
}

// Word has nothing to say: presence has no words.
func (f *face) Word(roster.Word) *topic.Batch { return nil }

func (f *face) Mark(v *roster.View, m roster.Mark) *topic.Batch {
	if m == roster.MarkClosed {
		return batch(v, EventState, []byte("{}"))
	}
	b := []byte{'['}
	for key := range v.Members {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendText(b, key)
	}
	return batch(v, EventHeartbeat, append(b, ']'))
}

func batch(v *roster.View, event string, data []byte) *topic.Batch {
	extra := string(strconv.AppendUint([]byte(`,"version":`), v.Version, 10))
	return &topic.Batch{Events: []*topic.Event{topic.NewEvent(v.Name, event, data, extra)}}
}

func appendMembers(b []byte, each func(yield func(string, []byte))) []byte {
	b = append(b, '{')
	first := true
	each(func(key string, value []byte) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendText(b, key), ':')
		b = append(b, value...)
	})
	return append(b, '}')
}

// appendText writes a JSON text; nearly all keys need no escape.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(s) // a string can be encoded
			return append(b, encoded...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
