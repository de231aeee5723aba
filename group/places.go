package group

import (
	"errors"
	"slices"
	"sync"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A place names a joiner on this node.
type place struct {
	outlet   topic.Outlet
	receiver any
}

// A stay is one joiner from Enter to Exit.
type stay struct {
	group  string
	place  place
	member Member // its role is the actor's until the stay is answered
	m      *groupMetrics

	in, gone bool  // guarded by places.mu
	before   *stay // the one that this one takes the place of
}

// session is what the roster gets to know. A member that is there already keeps
// its role.
func (s *stay) session(p *Policy, ended func(error)) roster.Session {
	return roster.Session{
		Outlet: s.place.outlet, Receiver: s.place.receiver, Key: s.member.Key, Ended: ended,
		Settle: func(now []byte) ([]byte, string) {
			if there, ok := readMember(s.member.Key, now); ok && slices.Contains(p.Roles, there.Role) {
				s.member.Role = there.Role
			}
			return s.member.value(), s.member.Role
		},
	}
}

// role is what done is told.
func (s *stay) role(err error) string {
	if err != nil {
		return ""
	}
	return s.member.Role
}

// places is who is in which group on this node, as its hooks and metrics want to know
// it: the rosters do not tell whether a leave ended anything.
type places struct {
	hooks *hooks

	mu     sync.Mutex
	groups map[string]*crowd
}

// A crowd is a group's members on this node.
type crowd struct {
	stays   map[place]*stay
	members map[string]int // by key, how many stays are in
}

func newPlaces(h *hooks) *places { return &places{hooks: h, groups: make(map[string]*crowd)} }

// begin notes that somebody wants to join.
func (p *places) begin(group string, gm *groupMetrics, at place, m Member) *stay {
	s := &stay{group: group, place: at, member: m, m: gm}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.groups[group]
	if c == nil {
		c = &crowd{stays: make(map[place]*stay, 1), members: make(map[string]int, 1)}
		p.groups[group] = c
	}
	s.before = c.stays[at]
	c.stays[at] = s
	return s
}

// answered notes how it went.
func (p *places) answered(s *stay, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := s.before
	s.before = nil
	if err != nil {
		p.refused(s, before, err)
		return
	}
	s.in = true
	p.enter(s)
	if before != nil {
		p.exit(before)
	}
	if s.gone {
		p.exit(s)
	}
	p.tidy(s.group)
}

// refused puts the place back as it was.
func (p *places) refused(s, before *stay, err error) {
	s.m.refused(err)
	if errors.Is(err, ErrFull) {
		p.hooks.tell(call{onFull, s.group, s.member})
	}
	c := p.groups[s.group]
	if c == nil {
		return
	}
	latest := c.stays[s.place]
	for next := latest; next != nil && next != s; next = next.before {
		if next.before == s {
			next.before = before
		}
	}
	switch {
	case latest != s:
	case before != nil && !before.gone:
		c.stays[s.place] = before
	default:
		delete(c.stays, s.place)
	}
	p.tidy(s.group)
}

// left notes that somebody goes.
func (p *places) left(group string, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.groups[group]
	if c == nil {
		return
	}
	s := c.stays[at]
	delete(c.stays, at)
	for ; s != nil; s = s.before {
		s.gone = true
		p.exit(s)
	}
	p.tidy(group)
}

// closed notes that a group is over.
func (p *places) closed(group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.groups[group]
	if c == nil || len(c.members) == 0 {
		return // it was closed before
	}
	for at, s := range c.stays {
		if s.in {
			delete(c.stays, at)
		}
		for ; s != nil; s = s.before { // one that is not in is about to join
			s.in, s.gone = false, s.gone || s.in
		}
	}
	clear(c.members)
	p.tidy(group)
	p.hooks.tell(call{on: onClose, group: group})
}

// ended notes that a joiner lost its place.
func (p *places) ended(group string, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.groups[group]
	if c == nil || c.stays[at] == nil {
		return
	}
	s := c.stays[at]
	if s.in {
		delete(c.stays, at)
	}
	for ; s != nil; s = s.before { // one that is not in is about to join anew
		s.gone = s.gone || s.in
		p.exit(s)
	}
	p.tidy(group)
}

func (p *places) enter(s *stay) {
	c := p.groups[s.group]
	if c == nil { // it left meanwhile
		c = &crowd{stays: make(map[place]*stay), members: make(map[string]int, 1)}
		p.groups[s.group] = c
	}
	c.members[s.member.Key]++
	if c.members[s.member.Key] == 1 {
		s.m.joins.Inc()
		p.hooks.tell(call{onJoin, s.group, s.member})
	}
}

func (p *places) exit(s *stay) {
	c := p.groups[s.group]
	if !s.in || c == nil {
		return
	}
	s.in = false
	c.members[s.member.Key]--
	if c.members[s.member.Key] == 0 {
		delete(c.members, s.member.Key)
		s.m.leaves.Inc()
		p.hooks.tell(call{onLeave, s.group, s.member})
	}
}

func (p *places) tidy(group string) {
	if c := p.groups[group]; c != nil && len(c.stays) == 0 && len(c.members) == 0 {
		delete(p.groups, group)
	}
}
