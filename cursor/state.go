package cursor

import (
	"encoding/json"
	"time"
)

// A board is the cursors of a topic as one node knows them. Of each key the change with
// the highest number counts, wherever it comes from and in whatever order: that is
// all that makes nodes agree.
type board struct {
	policy *Policy
	life   string // of this node

	cursors map[string]*position
	graves  map[string]grave
	held    map[string]*position // have a position that may not be seen yet
	own     int
	bytes   int   // users and positions of all
	other   tally // of other nodes

	changed changes // what receivers have not seen
	relay   keys    // what other nodes have not seen
	save    keys    // what the Store has not seen
	telling bool    // either is being told, which may fail
}

// A position is one cursor.
type position struct {
	key    string
	user   json.RawMessage
	data   json.RawMessage
	number uint64
	life   string
	slot   *slot // of a cursor of this node, else nil

	seen    time.Time // its last move, or news of it
	expires time.Time
	next    time.Time // when it may be seen again
	held    json.RawMessage
}

func (p *position) size() int { return len(p.user) + len(p.data) }

// A grave remembers that a key was removed, for as long as something older could come.
type grave struct {
	number uint64
	life   string
	own    bool // the cursor was one of this node's
	soft   bool // it was only missed in the Store: if it is there later, it is there
	until  time.Time
}

func newBoard(p *Policy, life string) *board {
	return &board{policy: p, life: life, cursors: make(map[string]*position)}
}

// move takes one move of this node. It reports whether the cursor is one of the board now,
// and whether the move took the place of one that nobody saw.
func (b *board) move(now time.Time, number uint64, o op) (ok, overtook bool) {
	p := b.cursors[o.slot.key]
	if p == nil {
		if len(b.cursors) >= MaxCursors {
			return false, false
		}
		p = &position{key: o.slot.key}
		if g, dug := b.graves[p.key]; dug {
			number = max(number, g.number+1)
			delete(b.graves, p.key)
		}
		b.changed.mark(p.key, false)
		b.cursors[p.key] = p
		b.adopt(p, o)
	} else if p.slot != o.slot {
		b.adopt(p, o)
	}
	p.expires = now.Add(b.policy.TTL)
	overtook = p.held != nil
	if now.Before(p.next) {
		b.hold(p, o.data)
	} else {
		b.show(p, now, number, o.data)
	}
	return true, overtook
}

// adopt makes a cursor one of this node's. It has not moved here yet.
func (b *board) adopt(p *position, o op) {
	if p.slot == nil {
		b.own++
		if p.life != "" {
			b.other.cursors--
			b.other.bytes -= p.size()
		}
	}
	b.bytes += len(o.user) - len(p.user)
	p.slot, p.user, p.life, p.next = o.slot, o.user, b.life, time.Time{}
}

func (b *board) hold(p *position, data json.RawMessage) {
	if b.held == nil {
		b.held = make(map[string]*position)
	}
	p.held = data
	b.held[p.key] = p
}

func (b *board) release(p *position) {
	if p.held != nil {
		p.held = nil
		delete(b.held, p.key)
	}
}

// show gives a cursor of this node its next position.
func (b *board) show(p *position, now time.Time, number uint64, data json.RawMessage) {
	b.release(p)
	b.bytes += len(data) - len(p.data)
	p.data, p.life, p.seen = data, b.life, now
	p.number = max(number, p.number+1)
	p.next = now.Add(max(0, b.policy.Throttle))
	b.changed.mark(p.key, true)
	b.tell(p.key)
}

// tell notes that others have to hear of a key.
func (b *board) tell(key string) {
	b.relay.add(key)
	b.save.add(key)
}

// ripe shows what was held for long enough, and returns when the next one will be.
func (b *board) ripe(now time.Time, number func() uint64) (next time.Time) {
	for _, p := range b.held {
		if now.Before(p.next) {
			next = earlier(next, p.next)
			continue
		}
		b.show(p, now, number(), p.held)
	}
	return next
}

// remove takes a cursor of this node away, and reports whether there was one.
func (b *board) remove(now time.Time, number uint64, s *slot) bool {
	p := b.cursors[s.key]
	if p == nil || p.slot == nil {
		return false
	}
	b.bury(p, now, max(number, p.number+1))
	return true
}

// bury removes a cursor of this node for all to see.
func (b *board) bury(p *position, now time.Time, number uint64) {
	b.drop(p)
	b.dig(p.key, grave{number: number, life: b.life, own: true, until: now.Add(b.policy.TTL)})
	b.tell(p.key)
}

// drop takes a cursor off the board.
func (b *board) drop(p *position) {
	b.release(p)
	b.changed.mark(p.key, true)
	delete(b.cursors, p.key)
	b.bytes -= p.size()
	if p.slot != nil {
		b.own--
		return
	}
	b.other.cursors--
	b.other.bytes -= p.size()
}

func (b *board) dig(key string, g grave) {
	if b.graves == nil {
		b.graves = make(map[string]grave)
	}
	b.graves[key] = g
}

// expire removes what was silent for too long, and returns which of this node's went, and
// when to look again.
func (b *board) expire(now time.Time, number func() uint64) (gone []*slot, next time.Time) {
	for _, p := range b.cursors {
		switch {
		case now.Before(p.expires):
			next = earlier(next, p.expires)
		case p.slot != nil:
			gone = append(gone, p.slot)
			b.bury(p, now, max(number(), p.number+1))
			next = earlier(next, now.Add(b.policy.TTL))
		default:
			b.drop(p)
			b.dig(p.key, grave{number: p.number, life: p.life, until: now.Add(b.policy.TTL)})
			next = earlier(next, now.Add(b.policy.TTL))
		}
	}
	for key, g := range b.graves {
		switch {
		case now.Before(g.until):
			next = earlier(next, g.until)
		case !b.telling && !b.relay.has(key) && !b.save.has(key):
			delete(b.graves, key)
		}
	}
	return gone, next
}

// earlier is the earlier of two moments, of which the zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// entries makes what others are told of keys, of which some may be moot by now.
func (b *board) entries(of []string) []Entry {
	list := make([]Entry, 0, len(of))
	for _, key := range of {
		if p := b.cursors[key]; p != nil && p.slot != nil {
			list = append(list, p.entry())
		} else if g, ok := b.graves[key]; ok && p == nil {
			list = append(list, Entry{Key: key, Number: g.number})
		}
	}
	return list
}

// retell puts keys back, of those of which there is still something to tell. What a dead
// node had is only taken from the Store.
func (b *board) retell(k *keys, of []string) {
	for _, key := range of {
		p := b.cursors[key]
		g, dug := b.graves[key]
		if p != nil && p.slot != nil || p == nil && dug && (g.own || k == &b.save) {
			k.add(key)
		}
	}
}

func (p *position) entry() Entry {
	return Entry{Key: p.key, Number: p.number, User: p.user, Data: p.data, Life: p.life}
}
