package group

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// prefix is put before a group's name to make the topic that its members are told.
const prefix = topic.SystemPrefix + "group:"

// Name is the topic on which members of a group hear of it.
func Name(group string) string { return prefix + group }

// Groups is every group of a node: an actor each, spawned on first use and retired
// when idle. All methods are safe for concurrent use.
type Groups struct {
	cfg      Config
	policies []Policy
	metrics  *metrics
	hooks    *hooks
	places   *places
	rosters  *roster.Rosters
}

// Policy returns how a group behaves, and false for a name that no policy matches.
func (g *Groups) Policy(name string) (Policy, bool) {
	p, ok := find(g.policies, name)
	return *p, ok
}

// admit checks a group's name.
func (g *Groups) admit(name string) (*Policy, error) {
	if err := topic.CheckName(name, true); err != nil {
		var in *topic.InputError
		if errors.As(err, &in) {
			return nil, inputError("group", "%s", in.Rule)
		}
		return nil, err
	}
	if topic.IsSystem(name) {
		return nil, inputError("group", "must not begin with %s", topic.SystemPrefix)
	}
	p, ok := find(g.policies, name)
	if !ok {
		return nil, ErrNoGroup
	}
	return p, nil
}

func (g *Groups) rules(name string) roster.Rules {
	p, _ := find(g.policies, strings.TrimPrefix(name, prefix))
	return roster.Rules{Max: p.MaxMembers, Words: true}
}

func (g *Groups) face(name string) roster.Face {
	name = strings.TrimPrefix(name, prefix)
	return newFace(name, func() { g.places.closed(name) })
}

// A Joiner is one reason for a member to be in a group: a connection, or a part of
// the program.
type Joiner struct {
	// Outlet and Receiver are where the joiner hears of the group. Together they name
	// it: entering again under the same name is the same joiner. Join takes a nil
	// Outlet, for a member that listens to nothing, and needs no Receiver then.
	Outlet   topic.Outlet
	Receiver any // compared with ==

	// Identity is who the joiner is, "" for nobody in particular.
	Identity string

	// Connection is the joiner's own and unique in the cluster. It is shown to other
	// members as the key of those without identity, and by the policy of all.
	// Required where it is the key.
	Connection string

	// Role is what the joiner asks to be, "" for the policy's first role.
	Role string

	// Data is what is known of the joiner, as JSON; empty means null. The policy says
	// what of it members see, at most 60 KiB.
	Data json.RawMessage
}

// Enter has somebody join a group. It returns at once; done, which may be nil, runs
// exactly once with the role and the error, on the group's goroutine, and must not
// block. If Enter itself returns an error, done does not run and nobody joined.
//
// With a nil error the joiner's Outlet is told Joined on Name(name), with the first
// frames in Missed: `join`, its own, then `members`. Who is refused hears it by done,
// and by Joined with the error.
//
// A member who enters again, here or elsewhere, stays one member, and keeps the role
// that it has: done is told that one. Errors are those of Join.
func (g *Groups) Enter(name string, j Joiner, done func(role string, err error)) error {
	if j.Receiver == nil {
		return inputError("receiver", "must not be nil")
	}
	p, err := g.admit(name)
	if err != nil {
		return g.refused(p, err)
	}
	m, err := p.member(j)
	if err != nil {
		return g.refused(p, err)
	}
	s := g.places.begin(name, g.metrics.of(p.Match), place{j.Outlet, j.Receiver}, m)
	err = g.rosters.Post(name, s.session(p, func(error) { g.places.ended(name, s.place) }), func(err error) {
		err = translate(err)
		g.places.answered(s, err)
		if done != nil {
			done(s.role(err), err)
		}
	})
	if err != nil {
		err = translate(err)
		g.places.answered(s, err)
	}
	return err
}

func (g *Groups) refused(p *Policy, err error) error {
	if p != nil {
		g.metrics.of(p.Match).refused(err)
	}
	return err
}

// Exit ends what Enter began, also if that is still under way, and returns at once.
// The Outlet is told Left. The member leaves with the last of its joiners; during an
// outage its place becomes free when the backend is back. It does nothing to one
// that is not there.
func (g *Groups) Exit(name string, o topic.Outlet, receiver any) error {
	g.places.left(name, place{o, receiver})
	return translate(g.rosters.Leave(name, o, receiver, true))
}

// Join is Enter for a caller that can wait: it returns when the member is in the
// group for all to see. Errors: *topic.InputError, *RoleError, ErrNoGroup; ErrFull,
// ErrClosed; ErrOverloaded, ErrStopped, one that wraps ErrUnavailable, or the
// context's. With any of them nobody has joined.
func (g *Groups) Join(ctx context.Context, name string, j Joiner) (*Seat, error) {
	seat := &Seat{groups: g, name: name}
	if j.Outlet == nil && j.Receiver == nil {
		j.Receiver = seat
	}
	seat.place = place{j.Outlet, j.Receiver}
	answer := make(chan error, 1)
	err := g.Enter(name, j, func(role string, err error) {
		seat.role = role
		answer <- err
	})
	if err != nil {
		return nil, err
	}
	select {
	case err = <-answer:
	case <-ctx.Done():
		_ = g.Exit(name, j.Outlet, j.Receiver) // fails only when all is stopped, and then nobody is there
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	p, _ := find(g.policies, name)
	seat.key, err = p.key(j)
	return seat, err
}

// A Seat is a place in a group that Join gave.
type Seat struct {
	groups *Groups
	name   string
	place  place
	key    string
	role   string
}

// Key is the member's key in the group.
func (s *Seat) Key() string { return s.key }

// Role is the role that the member was given.
func (s *Seat) Role() string { return s.role }

// Leave gives the place back and returns at once; others learn of it a moment later,
// or when the backend is back. Leaving twice does nothing. The error is ErrStopped, and
// then the place is free too, or ErrOverloaded: leave again.
func (s *Seat) Leave() error {
	return s.groups.Exit(s.name, s.place.outlet, s.place.receiver)
}
