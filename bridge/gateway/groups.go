package gateway

import (
	"bytes"
	"context"

	"github.com/troupe-rt/troupe/group"
)

// A GroupNode is a Node that has groups. Clients join and leave them.
type GroupNode interface {
	Node
	Groups() *group.Groups
}

// onJoin asks for a place in a group.
func (s *session) onJoin(f *frame) error {
	name, err := f.text(fieldGroup)
	if err != nil {
		return err
	}
	var role []byte
	if f.raw[fieldRole] != nil {
		if role, err = f.text(fieldRole); err != nil {
			return err
		}
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	n, reason := s.named(name)
	if reason == "" {
		reason = s.joinGroup(n, string(role), ask{ref: bytes.Clone(ref)})
	}
	if reason != "" {
		s.send(appendJoinDenied(nil, n, ref, reason))
	}
	return nil
}

// joinGroup enters a group, or returns the reason why not. Who is in it already keeps its
// place and its role.
func (s *session) joinGroup(name, role string, a ask) (reason string) {
	groups := s.g.groups
	if groups == nil {
		return reasonForbidden
	}
	if known, reason := s.joinAgain(name, a); known {
		return reason
	}
	policy, ok := groups.Policy(name)
	if !ok {
		return reasonForbidden
	}
	role, err := policy.Role(role)
	if err != nil {
		return s.told("join", err)
	}
	if reason := s.mayJoin(name, role); reason != "" {
		return reason
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := s.seat(onGroup, group.Name(name))
	seat.asks = []ask{a}
	s.others().groups.add(seat)
	err = groups.Enter(name, group.Joiner{
		Outlet: s.shard, Receiver: seat,
		Identity: s.identity.ID, Connection: s.name(), Role: role, Data: s.identity.Data,
	}, func(role string, err error) {
		s.shard.put(item{kind: itemPlaced, session: s, ptr: &placing{seat, role, err}})
	})
	if err != nil {
		s.vacate(seat)
		return s.told("join", err)
	}
	return ""
}

// joinAgain answers a client that is in the group, or is about to be. known is false
// if it is not.
func (s *session) joinAgain(name string, a ask) (known bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seat *receiver
	if s.more != nil {
		seat = s.more.groups.get(group.Name(name))
	}
	switch {
	case seat == nil && s.full():
		return true, reasonRate
	case seat == nil:
		return false, ""
	case seat.in:
		s.send(appendJoined(nil, name, seat.role, a.ref))
	default:
		seat.asks = append(seat.asks, a)
	}
	return true, ""
}

// mayJoin asks the embedding program.
func (s *session) mayJoin(name, role string) string {
	hook := s.g.o.CanJoin
	if hook == nil {
		return ""
	}
	err := s.hook("join", func(ctx context.Context) error { return hook(ctx, &s.client, name, role) })
	if err == nil {
		return ""
	}
	return reasonOf(err)
}

// onLeave gives the place up, if there is one.
func (s *session) onLeave(f *frame) error {
	name, err := f.text(fieldGroup)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.more == nil {
		return nil
	}
	if seat := s.more.groups.get(group.Name(string(name))); seat != nil {
		s.more.groups.remove(seat)
		s.unseat(seat)
	}
	return nil
}

// A placing is a group's answer to a join.
type placing struct {
	seat *receiver
	role string
	err  error
}

// placed answers a join. The group's first frames come behind it, by way of the
// audience.
func (s *shard) placed(to *session, p *placing) {
	asks := to.placed(p)
	if len(asks) == 0 {
		return
	}
	name, reason := subject(p.seat.topic), ""
	if p.err != nil {
		reason = to.told("join", p.err)
	}
	for _, a := range asks {
		s.update(to, func(b []byte) []byte {
			if p.err != nil {
				return appendJoinDenied(b, name, a.ref, reason)
			}
			return appendJoined(b, name, p.role, a.ref)
		})
	}
}

// placed returns the asks that a group has answered.
func (s *session) placed(p *placing) []ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	asks := p.seat.asks
	p.seat.asks = nil
	if s.ended {
		return nil
	}
	if p.seat.role, p.seat.in = p.role, p.err == nil; p.err != nil {
		s.vacate(p.seat)
	}
	return asks
}

// systemMark is how the events end by which a group speaks of itself. No data that a
// program publishes can make an event end so.
var systemMark = []byte(`,"system":true}`)

// oustAll has sessions forget their place in a group that is closed before they are
// told, so that they can not be taken for members when they ask to join again.
func (a *audience) oustAll() {
	for _, e := range a.chunk.events {
		if e.Name() == group.EventClose && bytes.HasSuffix(e.JSON(), systemMark) {
			for _, r := range a.receivers {
				r.session.ousted(r)
			}
		}
	}
}

// ousted forgets a place in a group that was closed.
func (s *session) ousted(seat *receiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.vacate(seat)
	}
}
