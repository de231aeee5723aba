package gateway

import (
	"github.com/troupe-rt/troupe/topic"
)

// A channel is what a receiver receives: a topic, or one of the things beside the
// topics that reach clients as topics do. A receiver of these is called a seat.
type channel uint8

const (
	onTopic    channel = iota
	onPresence         // __presence:T, as a member, a watcher or both
	onCursors          // __cursor:T
	onGroup            // __group:G
)

// A seat is never used again once it was given up, so that a late answer can not be
// taken for that of its successor.
func (s *session) seat(c channel, name string) *receiver {
	return &receiver{session: s, topic: name, at: -1, channel: c}
}

// memberships are what few sessions have.
type memberships struct {
	watches places // by __presence:T
	groups  places // by __group:G
}

// others returns the memberships, to put one in. The caller holds mu.
func (s *session) others() *memberships {
	if s.more == nil {
		s.more = &memberships{}
	}
	return s.more
}

// full reports whether the session has as many topics, watches and groups as it
// may. The caller holds mu.
func (s *session) full() bool {
	n := s.places.len()
	if s.more != nil {
		n += s.more.watches.len() + s.more.groups.len()
	}
	return n >= s.g.o.Limits.MaxTopics
}

// name is what the session is called where others see it: unique in the cluster, and
// no help in taking the session over. The caller holds mu.
func (s *session) name() string {
	if s.alias == "" {
		s.alias = newAlias()
	}
	return s.alias
}

// attach gives a client what comes with a topic that has accepted it, unless it has
// it from an earlier subscribe. The caller holds mu.
func (s *session) attach(r *receiver) {
	s.enter(r)
	if c := s.g.cursors; c != nil && r.cursors == nil && !c.Policy(r.topic).Off {
		r.cursors = s.seat(onCursors, cursorName(r.topic))
		seat := r.cursors
		s.ask(seat, func() error { return c.Attach(r.topic, s.shard, seat) })
	}
}

// detach takes it away again. The caller holds mu.
func (s *session) detach(r *receiver) {
	s.exit(r)
	if seat := r.cursors; seat != nil {
		r.cursors, seat.gone = nil, true
		s.g.surely("detach", func() error { return s.g.cursors.Detach(r.topic, s.shard, seat) })
	}
	if r.moved {
		r.moved = false
		s.g.surely("remove cursor", func() error { return s.g.cursors.Remove(r.topic, s.alias) })
	}
}

// ask asks for a seat that comes with a topic. An actor that has no room is asked
// again, as long as the seat is wanted. The caller holds mu.
func (s *session) ask(seat *receiver, tell func() error) {
	err := tell()
	if !isFull(err) {
		s.refused(seat, err)
		return
	}
	s.g.errands.add(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if seat.gone {
			return true
		}
		err := tell()
		if isFull(err) {
			return false
		}
		s.refused(seat, err)
		return true
	})
}

// refused tells a seat that its actor would not even take the question.
func (s *session) refused(seat *receiver, err error) {
	if err != nil { // the shard has the code for it
		s.shard.Joined(seat.topic, seat, topic.Joined{Err: err})
	}
}

// seated takes the answer for a seat, and returns the asks that it answers. tell is
// false if the client no longer wants to know.
func (s *session) seated(seat *receiver, err error) (asks []ask, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asks, seat.asks = seat.asks, nil
	if s.ended {
		return nil, false
	}
	if err == nil {
		seat.in = true
		return asks, true
	}
	return asks, s.vacate(seat)
}

// vacate forgets a seat that is over, and reports whether the client had not given
// it up. The caller holds mu.
func (s *session) vacate(seat *receiver) bool {
	if seat.gone {
		return false
	}
	seat.gone = true
	switch seat.channel {
	case onGroup:
		return s.more.groups.remove(seat)
	case onPresence:
		if s.more != nil {
			s.more.watches.remove(seat)
		}
		if r := s.places.get(subject(seat.topic)); r != nil && r.presence == seat {
			r.presence = nil
		}
	case onCursors:
		if r := s.places.get(subject(seat.topic)); r != nil && r.cursors == seat {
			r.cursors = nil
		}
	}
	return true
}

// leaveAll ends everything that is no topic, and what comes with topics. The caller
// holds mu, and has ended the session.
func (s *session) leaveAll(followed []*receiver) {
	more := s.more
	s.more = nil
	for _, r := range followed {
		s.detach(r)
	}
	if more == nil {
		return
	}
	for _, seat := range more.watches.all() {
		if !seat.gone { // it was a member too
			s.unseat(seat)
		}
	}
	for _, seat := range more.groups.all() {
		s.unseat(seat)
	}
}

// unseat gives a seat of presence or a group up. The caller holds mu.
func (s *session) unseat(seat *receiver) {
	seat.gone = true
	name := subject(seat.topic)
	if seat.channel == onGroup {
		s.g.surely("leave", func() error { return s.g.groups.Exit(name, s.shard, seat) })
		return
	}
	s.g.surely("exit", func() error { return s.g.presence.Exit(name, s.shard, seat) })
}

// seated lets a seat in: its answers, what there is, and from here on every chunk.
func (s *shard) seated(a *audience, r *receiver, j *topic.Joined) {
	to := r.session
	if r.channel == onGroup && j.Err != nil {
		s.left(a, r) // the client is told by placed
		return
	}
	asks, tell := to.seated(r, j.Err)
	if j.Err == nil {
		s.letIn(a, r, j)
		for _, ask := range asks {
			if ask.ref != nil {
				s.update(to, func(b []byte) []byte { return appendSubscribed(b, a.topic, ask.ref, false, topic.Position{}) })
			}
		}
		s.missed(r, j)
		return
	}
	reason := reasonClosed
	if tell {
		reason = to.told("seat", j.Err)
		if len(asks) == 0 {
			asks = []ask{{}} // nobody asked, and it is over all the same
		}
	}
	s.left(a, r)
	s.deny(to, a.topic, reason, asks)
}
