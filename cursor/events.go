package cursor

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/troupe-rt/troupe/topic"
)

// Names of the events that receivers get.
const (
	EventSnapshot = "snapshot" // [{key,user,data},...]: all there are, in place of what the receiver knew
	EventUpdate   = "update"   // {key,user,data}
	EventBulk     = "bulk"     // [{key,user,data},...]
	EventRemove   = "remove"   // {key}
)

// maxEvent is about how many bytes of cursors one event has: a snapshot of more goes on as
// bulk, so that no frame is too large for a client.
const maxEvent = 256 << 10

// appendItem writes a cursor as it stands in events.
func appendItem(b []byte, p *position) []byte {
	b = appendKey(append(b, `{"key":`...), p.key)
	b = append(append(b, `,"user":`...), p.user...)
	b = append(append(b, `,"data":`...), p.data...)
	return append(b, '}')
}

func appendKey(b []byte, key string) []byte {
	for i := range len(key) {
		if c := key[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(key) // a string can always be written
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), key...), '"')
}

// listEvents writes cursors as one event with a list, or several if there is much; the
// first has another name than the rest.
func listEvents(name, first, rest string, list []*position) (evs []*topic.Event) {
	what := first
	for begun := false; !begun || len(list) > 0; begun = true {
		buf, n := []byte{'['}, 0
		for n < len(list) && (n == 0 || len(buf) < maxEvent) {
			if n > 0 {
				buf = append(buf, ',')
			}
			buf = appendItem(buf, list[n])
			n++
		}
		evs = append(evs, topic.NewEvent(name, what, append(buf, ']'), ""))
		list, what = list[n:], rest
	}
	return evs
}

// snapshotEvents are what a receiver begins with.
func (b *board) snapshotEvents(name string) []*topic.Event {
	list := make([]*position, 0, len(b.cursors))
	for _, p := range b.cursors {
		list = append(list, p)
	}
	return listEvents(name, EventSnapshot, EventBulk, list)
}

// moveEvents show where cursors are. Apart gives each an event of its own.
func moveEvents(name string, moved []*position, apart bool) []*topic.Event {
	if len(moved) > 1 && !apart {
		return listEvents(name, EventBulk, EventBulk, moved)
	}
	evs := make([]*topic.Event, 0, len(moved))
	for _, p := range moved {
		evs = append(evs, topic.NewEvent(name, EventUpdate, appendItem(nil, p), ""))
	}
	return evs
}

func removeEvents(name string, removed []string) []*topic.Event {
	evs := make([]*topic.Event, 0, len(removed))
	for _, key := range removed {
		evs = append(evs, topic.NewEvent(name, EventRemove, append(appendKey([]byte(`{"key":`), key), '}'), ""))
	}
	return evs
}

// list is what List answers: the board, and what the Store has beside it, where that is
// newer.
func (b *board) list(stored []Entry) []Cursor {
	view := make(map[string]*Entry, len(b.cursors)+len(stored))
	for _, p := range b.cursors {
		e := p.entry()
		view[p.key] = &e
	}
	for i := range stored {
		e := &stored[i]
		g, dug := b.graves[e.Key]
		known := view[e.Key]
		if e.Data != nil && !(dug && !newer(*e, g.number, g.life)) && (known == nil || newer(*e, known.Number, known.Life)) {
			view[e.Key] = e
		}
	}
	list := make([]Cursor, 0, len(view))
	for _, e := range view {
		list = append(list, Cursor{Key: e.Key, User: e.User, Data: e.Data})
	}
	slices.SortFunc(list, func(x, y Cursor) int { return cmp.Compare(x.Key, y.Key) })
	return list
}

// batch is nil without events.
func batch(evs []*topic.Event) *topic.Batch {
	if len(evs) == 0 {
		return nil
	}
	return &topic.Batch{Events: evs}
}
