package ratelimit

import "slices"

// A Meter is what a store remembers of one key. It has no clock and does no I/O: now
// is the store's time in microseconds since any moment, and Terms are the limit's. The
// zero Meter is that of a key nobody has used.
//
// Meters are for stores. What a Meter says of a limit holds across changes of the
// limit's terms: what was consumed under the old ones counts.
type Meter struct {
	Bucket  Level
	Fixed   Window
	Sliding Log
	Until   int64 // refused everything before
}

// A counter is how a kind of limit counts. Its other methods are called after settle.
type counter interface {
	// settle brings it up to now. odd tells that it could not stand as it did: the clock was
	// set back, or the terms are others.
	settle(now int64, t Terms) (odd bool)
	free(t Terms) int64 // points that are left
	spend(now, points int64, t Terms)
	lease(now, points int64, t Terms) (until int64)
	next(now int64, t Terms) int64 // until there is a point more, 0 if all are there
	full(now int64, t Terms) int64 // until all are there
}

func (m *Meter) counter(k Kind) counter {
	switch k {
	case Fixed:
		return &m.Fixed
	case Sliding:
		return &m.Sliding
	}
	return &m.Bucket
}

// Take does what a Want says, and tells whether the Meter is another one now. Where it is
// not, a store need not write.
func (m *Meter) Take(now int64, t Terms, w Want) (g Grant, changed bool) {
	if m.Until > now {
		return blocked(0, m.Until-now), false
	}
	next := *m
	if t.Kind == Sliding {
		next.Sliding.Strips = slices.Clone(m.Sliding.Strips)
	}
	if g, changed = next.take(now, t, w); changed {
		*m = next
	}
	return g, changed
}

func (m *Meter) take(now int64, t Terms, w Want) (g Grant, changed bool) {
	c := m.counter(t.Kind)
	changed = c.settle(now, t)
	if w.Count > 0 {
		g.Allowed = int(min(c.free(t)/int64(w.Cost), int64(w.Count)))
	}
	if g.Allowed > 0 {
		c.spend(now, int64(g.Allowed)*int64(w.Cost), t)
	}
	if g.Allowed < w.Count && t.Block > 0 {
		m.Until = now + t.Block
		return blocked(g.Allowed, t.Block), true
	}
	if g.Allowed == w.Count {
		g.Leased = int(min(c.free(t), int64(w.Ahead)))
	}
	if g.Leased > 0 {
		g.LeaseFor = Usable(lasting(c.lease(now, int64(g.Leased), t) - now))
	}
	g.Remaining = int(c.free(t))
	g.Next, g.Reset = lasting(c.next(now, t)), lasting(c.full(now, t))
	return g, changed || g.Allowed+g.Leased > 0
}

func blocked(allowed int, left int64) Grant {
	return Grant{Allowed: allowed, Blocked: true, Next: lasting(left), Reset: lasting(left)}
}

// Change does what is asked from outside.
func (m *Meter) Change(now int64, c Change) {
	switch c.Do {
	case Ban:
		m.Until = now + micros(c.For)
	case Unban:
		m.Until = 0
	case Reset:
		*m = Meter{}
	}
}

// Rest is how long it takes until the Meter is as good as the zero one.
func (m *Meter) Rest(now int64, t Terms) int64 {
	c := m.counter(t.Kind)
	c.settle(now, t)
	return max(m.Until-now, c.full(now, t))
}
