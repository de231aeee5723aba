package lease

import (
	"maps"
	"slices"
	"time"
)

// state decides: from what the registry tells to what is to be done. It has no
// clock and does no I/O. Times are the node's own, and only compared with each
// other, except those of a View.
type state struct {
	ttl, every time.Duration
	mint       func() string // another incarnation

	// Our lease.
	self   Member
	joined bool      // we have one, as far as we know; else the next renewal takes one out
	ends   time.Time // until then nobody can have claimed our life
	former []key     // our lives before, the newest last
	lost   *Member   // the life that was lost, until the next has its lease

	// The backend.
	since   time.Time // since when we renew without interruption; zero: we do not
	seen    time.Time // when the last renewal succeeded
	clock   time.Time // what the backend's clock showed then
	life    []string
	restore bool // the leases were lost; the next renewal writes back what we know

	// The others.
	known map[key]Member
	dead  map[key]Member // claimed and not done, when last seen
	twins map[key]twin
	view  []Lease // what Members returns

	buried map[key]bool // claimed, as far as we know; never alive again
	graves []key        // of the buried, the newest last
	risen  []Member     // buried, and seen with a lease; the next renewal says so
}

// maxBuried bounds whom we remember to have died.
const maxBuried = 1024

// effects are what the agent has to do.
type effects struct {
	notices []notice
	claims  []Member
	held    bool          // our lease stands
	again   bool          // renew soon, for what was found
	wait    time.Duration // else in this time
}

// A notice is one of the three.
type notice struct {
	change  *Change
	lost    *[2]Member // old, new
	emptied bool
}

// slack is how late a renewal may come before it counts as missed, how long a
// call may take, and how far the backend's clock may stray.
func (s *state) slack() time.Duration { return s.every / 2 }

func (s *state) request() Renewal {
	r := Renewal{Self: s.self, TTL: s.ttl, Join: !s.joined, Dead: slices.Clone(s.risen)}
	if s.restore {
		for k, m := range s.known {
			if !s.buried[k] {
				r.Members = append(r.Members, m)
			}
		}
		r.Dead = slices.AppendSeq(r.Dead, maps.Values(s.dead))
	}
	return r
}

// failed notes that a renewal failed. Whoever can not renew does not judge others.
func (s *state) failed() { s.since = time.Time{} }

// observe takes the answer to the request, from a renewal that ran from start to now.
func (s *state) observe(start, now time.Time, v View) effects {
	var e effects
	emptied, leases := s.compareLife(v.Life)
	if emptied {
		e.notices = append(e.notices, notice{emptied: true})
	}
	s.restore = leases // what was lost before is written back by now
	s.stand(start, now, v, &e)
	s.measure(now, v, e.held)
	if s.restore || !e.held {
		// The view is of those who were quick to come back. It will be whole after
		// the next renewal.
		e.again = true
		return e
	}
	s.compareViews(v, &e)
	s.show(v)
	if from := s.entitled(); !from.IsZero() && !now.Before(from) {
		e.claims = s.claimable(v)
	}
	e.wait, e.again = s.untilNext(v), len(s.risen) > 0
	return e
}

// entitled is from when on we may judge others, if nothing comes between; zero: we may not.
func (s *state) entitled() time.Time {
	if s.since.IsZero() {
		return time.Time{}
	}
	return s.since.Add(s.ttl)
}

// measure finds out whether time went on here and there as it should. After an
// outage, a pause, or a jump of the backend's clock all nodes get a TTL to renew before
// anyone is declared dead.
func (s *state) measure(now time.Time, v View, held bool) {
	gap := now.Sub(s.seen)
	drift := (v.Now.Sub(s.clock) - gap).Abs()
	switch {
	case !held:
		s.since = time.Time{}
	case s.since.IsZero() || gap > s.every+s.slack() || drift > s.slack():
		s.since = now
	}
	s.seen, s.clock = now, v.Now
}

// compareLife reports whether any part of the backend was emptied, and whether
// the leases were.
func (s *state) compareLife(life []string) (emptied, leases bool) {
	for i, text := range life {
		if i >= len(s.life) {
			s.life = append(s.life, text)
			continue
		}
		if text == "" || text == s.life[i] {
			continue
		}
		if s.life[i] != "" {
			emptied = true
			leases = leases || i == 0
		}
		s.life[i] = text
	}
	return emptied, leases
}

// stand draws the conclusion for our own lease. Until ends nobody can have claimed it. A claim
// after that is in the backend, unless that was emptied since, or had lost the lease: then
// nobody may know of it, not even one who wrote our lease back, and we take another life.
func (s *state) stand(start, now time.Time, v View, e *effects) {
	late := !now.Before(s.ends)
	switch {
	case v.Standing == Claimed, v.Standing == Absent && late, s.restore && late:
		s.die(now)
	case v.Standing == Absent:
		s.joined = false // the backend lost it; we take it out again
	default:
		s.joined, s.ends, e.held = true, start.Add(s.ttl), true
		if s.lost != nil {
			e.notices = append(e.notices, notice{lost: &[2]Member{*s.lost, s.self}})
			s.lost = nil
		}
	}
}

// die ends our life and prepares the next, which has no lease before now.
func (s *state) die(now time.Time) {
	if s.lost == nil {
		lost := s.self
		s.lost = &lost
	}
	s.former = append(s.former, s.self.key())
	if len(s.former) > 64 {
		s.former = s.former[1:]
	}
	s.self.Incarnation = s.mint()
	s.joined, s.ends = false, now.Add(s.ttl)
}

// claimable are those that a survivor may clean up after now.
func (s *state) claimable(v View) []Member {
	var who []Member
	for _, l := range v.Members {
		if !l.Until.After(v.Now) && l.key() != s.self.key() {
			who = append(who, l.Member)
		}
	}
	for _, d := range v.Dead {
		if !d.Done && !d.Until.After(v.Now) {
			who = append(who, d.Member)
		}
	}
	return who
}

// untilNext is every, or less if somebody's lease runs out before that.
func (s *state) untilNext(v View) time.Duration {
	wait := s.every
	for _, l := range v.Members {
		if left := l.Until.Sub(v.Now); left > 0 && left < wait {
			wait = left
		}
	}
	return wait
}
