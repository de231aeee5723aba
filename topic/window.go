package topic

import "time"

// The window is bounded twice, because a topic of large events must not hold
// memory that a topic of small ones never needs.
const (
	windowEvents = 256
	windowBytes  = 256 << 10
)

// window holds the newest events of a topic as encoded bytes, consecutive and
// ending at the newest. Whoever missed only a little is served from it, without
// the Log.
type window struct {
	events []*Event
	bytes  int
}

// push adds events that follow the newest one.
func (w *window) push(evs []*Event, limit int) {
	for _, e := range evs {
		w.bytes += len(e.wire)
	}
	w.events = append(w.events, evs...)
	limit = min(limit, windowEvents)
	drop := 0
	for len(w.events)-drop > limit || (w.bytes > windowBytes && len(w.events)-drop > 1) {
		w.bytes -= len(w.events[drop].wire)
		drop++
	}
	// Moving up by reslicing: append makes a new array once in a window's length,
	// where copying down would touch every event for every batch.
	clear(w.events[:drop])
	w.events = w.events[drop:]
}

// after returns the events after seq if the window has all of them and none is
// past its time.
func (w *window) after(seq uint64, ttl time.Duration, now time.Time) ([]*Event, bool) {
	if len(w.events) == 0 {
		return nil, false
	}
	first := w.events[0].seq
	if seq+1 < first {
		return nil, false
	}
	rest := w.events[min(seq+1-first, uint64(len(w.events))):]
	if len(rest) > 0 && ttl > 0 && now.UnixNano()-rest[0].at >= int64(ttl) {
		return nil, false
	}
	// A copy: push clears what falls out of the window.
	return append([]*Event(nil), rest...), true
}

// event returns the event of a number, nil if the window has it not.
func (w *window) event(seq uint64) *Event {
	if len(w.events) == 0 || seq < w.events[0].seq || seq > w.events[len(w.events)-1].seq {
		return nil
	}
	return w.events[seq-w.events[0].seq]
}

// confirms reports whether the event that is known by a number is of that time.
func (w *window) confirms(seq uint64, at int64) bool {
	e := w.event(seq)
	return e != nil && sameTime(e.at, at)
}

// sameTime compares to the millisecond, which is what Logs keep.
func sameTime(a, b int64) bool { return a/1e6 == b/1e6 }

func (w *window) clear() { *w = window{} }
