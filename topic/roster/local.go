package roster

import (
	"bytes"
	"slices"

	"github.com/troupe-rt/troupe/topic"
)

// A seatName tells sessions apart.
type seatName struct {
	outlet   topic.Outlet
	receiver any
}

// A seat is a session on this node.
type seat struct {
	Session
	name     seatName
	by       *join         // what made it
	admitted bool          // somebody was told that it is there, or will be
	asked    []func(error) // those who wait to hear that its value is on the roster
	owed     int           // calls of Joined
}

// end tells a session that was a member that it is none any more.
func (s *seat) end(err error) {
	if s.admitted && s.Ended != nil {
		s.Ended(err)
	}
}

// mine is a member as far as this node shows it.
type mine struct {
	key    string
	seats  []*seat // oldest first
	linger []byte  // the last value, while it may come back
	grace  uint64  // which of its graces it is in
	shown  []byte  // what the Store has of us, nil: nothing
	unsure bool    // it may also have something else, or nothing
	marked bool    // listed in dirty
	busy   bool    // part of the batch in hand
	need   uint64  // version that has what we show
}

// wanted is what the Store is to have of us.
func (m *mine) wanted() []byte {
	if n := len(m.seats); n > 0 {
		return m.seats[n-1].Value
	}
	return m.linger
}

// settled reports whether it has it.
func (m *mine) settled() bool {
	want := m.wanted()
	return !m.unsure && (want == nil) == (m.shown == nil) && bytes.Equal(want, m.shown)
}

// local is what this node wants the roster to say of its sessions, and what it
// knows that it says. It has no clock and does no I/O.
type local struct {
	seats  map[seatName]*seat
	keys   map[string]*mine
	dirty  []*mine
	graces uint64
}

func (l *local) of(key string) *mine {
	if l.keys == nil {
		l.seats, l.keys = make(map[seatName]*seat), make(map[string]*mine)
	}
	m := l.keys[key]
	if m == nil {
		m = &mine{key: key}
		l.keys[key] = m
	}
	return m
}

// put makes a session, or changes it; it is the newest of its member then.
func (l *local) put(s Session) *seat {
	name := seatName{s.Outlet, s.Receiver}
	at := l.seats[name]
	if at != nil && at.Key == s.Key && bytes.Equal(at.Value, s.Value) && at.Tag == s.Tag {
		at.Session = s
		return at
	}
	if at == nil {
		at = &seat{name: name}
	} else {
		l.take(name)
	}
	m := l.of(s.Key)
	l.seats[name], at.Session = at, s
	m.seats = append(m.seats, at)
	m.linger = nil
	l.mark(m)
	return at
}

// take ends a session and returns it with its member.
func (l *local) take(name seatName) (*seat, *mine) {
	at := l.seats[name]
	if at == nil {
		return nil, nil
	}
	delete(l.seats, name)
	m := l.keys[at.Key]
	m.seats = slices.DeleteFunc(m.seats, func(o *seat) bool { return o == at })
	l.mark(m)
	return at, m
}

// stay begins the grace of a member that has just lost its last session.
func (l *local) stay(m *mine, value []byte) uint64 {
	l.graces++
	m.linger, m.grace = value, l.graces
	return m.grace
}

// expire ends a grace and reports whether it was still on.
func (l *local) expire(key string, grace uint64) bool {
	m := l.keys[key]
	if m == nil || m.linger == nil || m.grace != grace {
		return false
	}
	m.linger = nil
	l.mark(m)
	return true
}

// mark notes that a member may have to be written.
func (l *local) mark(m *mine) {
	if !m.marked {
		m.marked = true
		l.dirty = append(l.dirty, m)
	}
}

// doubt notes that the Store may have anything of a member.
func (l *local) doubt(m *mine) {
	m.unsure = true
	l.mark(m)
}

// doubtAll has all members written anew; forget that the Store had them.
func (l *local) doubtAll(forget bool) {
	for _, m := range l.keys {
		if forget {
			m.shown = nil
		}
		l.doubt(m)
	}
}

// disown has members written as gone that this node does not show.
func (l *local) disown(keys map[string][]byte) {
	for key := range keys {
		if l.keys[key] == nil {
			l.doubt(l.of(key))
		}
	}
}

// maxBytes bounds the keys and values of a batch, which a Store relays in one frame.
const maxBytes = 4 << 20

// batch takes what is to be written, at most MaxOps. Those who turn out to need
// nothing are settled.
func (l *local) batch() (batch []*mine, ops []Op, settled []*mine) {
	rest := l.dirty
	for bytes := 0; len(rest) > 0 && len(batch) < MaxOps && bytes < maxBytes; {
		m := rest[0]
		rest = rest[1:]
		m.marked = false
		if m.settled() {
			settled = append(settled, m)
			continue
		}
		m.busy = true
		batch = append(batch, m)
		ops = append(ops, Op{Key: m.key, Value: m.wanted()})
		bytes += len(m.key) + len(m.wanted())
	}
	l.dirty = append(l.dirty[:0], rest...)
	clear(l.dirty[len(l.dirty):cap(l.dirty)])
	return batch, ops, settled
}

// wrote notes what the Store has now.
func (l *local) wrote(m *mine, value []byte, version uint64) {
	m.busy, m.shown, m.unsure, m.need = false, value, false, version
	if !m.settled() {
		l.mark(m)
	}
}

// failed notes that nobody knows.
func (l *local) failed(m *mine) {
	m.busy = false
	l.doubt(m)
}

// rest forgets a member of whom nothing is left.
func (l *local) rest(m *mine) {
	if l.keys[m.key] == m && len(m.seats) == 0 && m.linger == nil && m.shown == nil && !m.unsure && !m.busy && !m.marked {
		delete(l.keys, m.key)
	}
}

// shown is how many members the Store has of us, and whether that is sure.
func (l *local) shown() (n int, sure bool) {
	for _, m := range l.keys {
		if m.unsure || m.busy || m.marked {
			return 0, false
		}
		if m.shown != nil {
			n++
		}
	}
	return n, true
}
