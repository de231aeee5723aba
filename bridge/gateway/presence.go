package gateway

import (
	"bytes"
	"strings"

	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// A PresenceNode is a Node that knows who is present. Clients that follow a topic
// whose policy has presence are members of its roster.
type PresenceNode interface {
	Node
	Presence() *presence.Presence
}

// presencePrefix begins the one kind of system topic that clients may name, to end a
// watch.
var presencePrefix = presence.Name("")

// subject is the topic or group that a system topic is about: T of __presence:T.
func subject(name string) string {
	_, t, _ := strings.Cut(name, ":")
	return t
}

// enter makes a client that follows a topic one of its members. If it watched
// before, it goes on with the seat that it has. The caller holds mu.
func (s *session) enter(r *receiver) {
	p := s.g.presence
	if p == nil || r.presence != nil || p.Policy(r.topic).Off {
		return
	}
	name := presence.Name(r.topic)
	seat := s.watching(name)
	if seat == nil {
		seat = s.seat(onPresence, name)
	}
	r.presence = seat
	a := presence.Attendee{
		Outlet: s.shard, Receiver: seat,
		Identity: s.identity.ID, Connection: s.name(), Data: s.identity.Data,
	}
	s.ask(seat, func() error { return p.Enter(r.topic, a) })
}

// exit ends the membership. A client that had also asked to watch goes on watching,
// and is given the roster anew. The caller holds mu.
func (s *session) exit(r *receiver) {
	seat := r.presence
	if seat == nil {
		return
	}
	r.presence = nil
	asks := seat.asks
	seat.asks = nil
	s.unseat(seat)
	if s.more != nil && s.more.watches.remove(seat) && !s.ended {
		s.watch(r.topic, asks)
	}
}

// watching returns the seat by which the client watches, nil if it does not. The
// caller holds mu.
func (s *session) watching(name string) *receiver {
	if s.more == nil {
		return nil
	}
	return s.more.watches.get(name)
}

// watch takes a new seat. The caller holds mu.
func (s *session) watch(about string, asks []ask) {
	seat := s.seat(onPresence, presence.Name(about))
	seat.asks = asks
	s.others().watches.add(seat)
	s.refused(seat, s.g.presence.Watch(about, s.shard, seat))
}

// onPresence lets a client see who is there without being there itself.
func (s *session) onPresence(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	n, reason := s.named(name)
	if reason == "" {
		reason = s.mayWatch(n)
	}
	if reason != "" {
		s.unwatch(n)
		s.send(appendDenied(nil, presence.Name(n), ref, reason))
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := ask{ref: bytes.Clone(ref)}
	seat := s.watching(presence.Name(n))
	if r := s.places.get(n); seat == nil && r != nil && r.presence != nil {
		seat = r.presence // a member that asks to watch keeps its seat
		s.others().watches.add(seat)
	}
	switch {
	case seat == nil:
		s.watch(n, []ask{a})
	case seat.in:
		s.send(appendSubscribed(nil, seat.topic, ref, false, topic.Position{}))
	default:
		seat.asks = append(seat.asks, a)
	}
	return nil
}

// mayWatch returns the reason why the client may not watch who follows a topic: what
// it may not read it may not watch either.
func (s *session) mayWatch(name string) string {
	if p := s.g.presence; p == nil || p.Policy(name).Off {
		return reasonForbidden
	}
	s.mu.Lock()
	full := s.full() && s.watching(presence.Name(name)) == nil
	s.mu.Unlock()
	if full {
		return reasonRate
	}
	return s.mayRead(name)
}

// unwatch ends a watch, if there is one. A member remains one.
func (s *session) unwatch(about string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := s.watching(presence.Name(about))
	if seat == nil {
		return
	}
	s.more.watches.remove(seat)
	if r := s.places.get(about); r == nil || r.presence != seat {
		s.unseat(seat)
	}
}
