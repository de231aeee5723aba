package group

import (
	"strconv"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// Names of the events by which a group speaks about itself. What the program
// publishes may have the same names: only the group's own have "system":true.
const (
	EventMembers = "members" // everybody, to who has just joined, and when changes were missed
	EventJoin    = "join"    // somebody joined, or has another role or other data
	EventLeave   = "leave"   // somebody left
	EventClose   = "close"   // the group is over
)

const systemMark = `,"system":true`

// face is what members hear of a group.
type face struct {
	name   string // prefixed
	closed func()

	all *topic.Event // `members` as of a View's Rev
	rev uint64
}

func newFace(group string, closed func()) *face {
	return &face{name: Name(group), closed: closed}
}

func (f *face) event(name string, data []byte) *topic.Event {
	return topic.NewEvent(f.name, name, data, systemMark)
}

// State is `members`; for one who joined its own `join` comes before it.
func (f *face) State(v *roster.View, key string) *topic.Batch {
	all := f.members(v)
	value, there := v.Members[key]
	if key == "" || !there {
		return &topic.Batch{Events: []*topic.Event{all}}
	}
	return &topic.Batch{Events: []*topic.Event{f.join(key, value, len(v.Members)), all}}
}

// members is made once per view.
func (f *face) members(v *roster.View) *topic.Event {
	if f.all != nil && f.rev == v.Rev {
		return f.all
	}
	b := make([]byte, 0, 2+64*len(v.Members))
	b = append(b, '[')
	for key, value := range v.Members {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendMember(b, key, value), '}')
	}
	f.all, f.rev = f.event(EventMembers, append(b, ']')), v.Rev
	return f.all
}

// Diff is a `join` or `leave` for each change.
func (f *face) Diff(v *roster.View, changes []roster.Moved) *topic.Batch {
	count := len(v.Members)
	for _, c := range changes {
		count -= step(c)
	}
	events := make([]*topic.Event, 0, len(changes))
	for _, c := range changes {
		count += step(c)
		if c.Value != nil {
			events = append(events, f.join(c.Key, c.Value, count))
		} else if c.Before != nil {
			events = append(events, f.leave(c.Key, c.Before, count))
		}
	}
	return &topic.Batch{Events: events}
}

// step is by how many members a change makes the group larger.
func step(c roster.Moved) int {
	switch {
	case c.Before == nil && c.Value != nil:
		return 1
	case c.Before != nil && c.Value == nil:
		return -1
	default:
		return 0
	}
}

func (f *face) join(key string, value []byte, count int) *topic.Event {
	return f.event(EventJoin, appendCount(appendMember(nil, key, value), count))
}

func (f *face) leave(key string, value []byte, count int) *topic.Event {
	role, _, _ := split(value)
	b := appendText([]byte(`{"key":`), key)
	b = append(append(append(b, `,"role":"`...), role...), '"')
	return f.event(EventLeave, appendCount(b, count))
}

func appendCount(b []byte, count int) []byte {
	return append(strconv.AppendInt(append(b, `,"count":`...), int64(count), 10), '}')
}

// Word is what the program publishes. It comes from other nodes too, so it is
// looked at again.
func (f *face) Word(w roster.Word) *topic.Batch {
	if topic.CheckEvent(w.Event) != nil || !validJSON(w.Data) {
		return nil
	}
	return &topic.Batch{Events: []*topic.Event{topic.NewEvent(f.name, w.Event, w.Data, "")}}
}

// Mark is `close`.
func (f *face) Mark(_ *roster.View, m roster.Mark) *topic.Batch {
	if m != roster.MarkClosed {
		return nil
	}
	f.closed()
	return &topic.Batch{Events: []*topic.Event{f.event(EventClose, nil)}}
}
