package cursor

import (
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// timer is the only one of a board: it is set to what is due first, and to nothing if
// nothing is.
type timer struct {
	at     time.Time // zero: not set
	number uint64
	stop   func()
}

// rang notes that it went off. One that was set anew meanwhile does not count.
func (t *timer) rang(m *due) {
	if m.timer == t.number {
		t.at = time.Time{}
	}
}

func (t *timer) set(c *actors.Context[message], now, at time.Time) {
	if at.Equal(t.at) || !t.at.IsZero() && !at.IsZero() && t.at.Before(at) {
		return // it will be set anew when it went off
	}
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	t.number++
	if t.at = at; !at.IsZero() {
		t.stop = c.After(max(0, at.Sub(now)), &due{timer: t.number})
	}
}

// rest sees to what is next, and lets moves come.
func (a *actor) rest(c *actors.Context[message], now time.Time) {
	if a.quiting {
		a.timer.set(c, now, time.Time{})
		return
	}
	ticking := now.Before(a.tickEnd)
	at := earlier(a.ripe, a.expiry)
	if ticking {
		at = earlier(at, a.tickEnd)
	}
	at = earlier(at, a.backendDue())
	a.timer.set(c, now, at)
	if a.in.rest(ticking, a.board.slots(), a.board.other) {
		c.Tell(&moved{})
	}
}

// backendDue is when the Relay or the Store is to be asked something.
func (a *actor) backendDue() (at time.Time) {
	if a.boards.cfg.Relay == nil {
		return at
	}
	r := &a.relay
	if a.board.relay.len() > 0 && !r.sending {
		at = earlier(at, r.at)
	}
	if !r.sending {
		at = earlier(at, r.quiet)
	}
	if a.board.save.len() > 0 && !a.save.busy() {
		at = earlier(at, a.save.at)
	}
	if !a.load.running {
		at = earlier(at, a.load.at)
	}
	if !r.following && !r.asking && (a.fan.Len() > 0 || len(a.joins) > 0 || a.board.own > 0) {
		at = earlier(at, r.again)
	}
	return at
}

// slots are those of this node's cursors that are held.
func (b *board) slots() []*slot {
	if len(b.held) == 0 {
		return nil
	}
	list := make([]*slot, 0, len(b.held))
	for _, p := range b.held {
		list = append(list, p.slot)
	}
	return list
}
