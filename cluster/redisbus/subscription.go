package redisbus

import "time"

// A phase is how far a channel's subscription has come.
type phase uint8

const (
	adrift  phase = iota // on no connection
	queued               // on a connection, nothing asked of the server
	asking               // the server was asked to subscribe
	on                   // it confirmed
	leaving              // it was asked to unsubscribe
)

// A step is what has to be done for a subscription.
type step uint8

const (
	rest        step = iota // nothing, or an answer is awaited
	place                   // find its connection
	subscribe               // ask the server
	unsubscribe             // ask the server
	forget                  // it is over
)

// A subscription keeps apart what is wanted of a channel and what the server has
// confirmed. It only decides: every change of it is followed by what next returns.
// At most one command per channel is under way, so an answer can belong to
// no other one.
type subscription struct {
	wanted bool
	phase  phase
	broken bool      // it was on and wanted, and its Sink does not know yet that it is so again
	since  time.Time // broken: frames published before it were received
}

func (s *subscription) next() step {
	switch {
	case s.phase == adrift && s.wanted:
		return place
	case s.phase == adrift, s.phase == queued && !s.wanted:
		return forget
	case s.phase == queued:
		return subscribe
	case s.phase == on && !s.wanted:
		return unsubscribe
	}
	return rest
}

// follow reports whether frames arrive already.
func (s *subscription) follow() (ready bool) {
	s.wanted = true
	return s.phase == on
}

func (s *subscription) unfollow() { s.wanted, s.broken = false, false }

// live reports whether frames are for somebody.
func (s *subscription) live() bool { return s.phase == on && s.wanted }

func (s *subscription) placed() { s.phase = queued }

// sent takes note that the step went to the server.
func (s *subscription) sent(what step) {
	if what == subscribe {
		s.phase = asking
	} else {
		s.phase = leaving
	}
}

// joined takes the server's confirmation. It reports whether an interruption ended.
func (s *subscription) joined() (restored bool) {
	s.phase = on
	restored, s.broken = s.broken, false
	return restored
}

// back returns to the queue: the server confirmed that it is off, or is to be asked
// again.
func (s *subscription) back() { s.phase = queued }

// lost takes note that the connection is gone, or the channel from it. All that was
// published before good was received.
func (s *subscription) lost(good time.Time) {
	if s.live() {
		s.broken, s.since = true, good
	}
	s.phase = adrift
}
