package group

import (
	"context"
	"errors"

	"github.com/troupe-rt/troupe/topic/roster"
)

// Members returns who is in a group, on all nodes, by key. A group that is closed or
// that nobody is in has none. Errors: *topic.InputError, ErrNoGroup, ErrStopped, one
// that wraps ErrUnavailable, or the context's.
func (g *Groups) Members(ctx context.Context, name string) ([]Member, error) {
	v, err := g.view(ctx, name)
	if err != nil {
		return nil, err
	}
	ms := make([]Member, 0, len(v.Members))
	for key, value := range v.Members {
		m, _ := readMember(key, value)
		ms = append(ms, m)
	}
	sortMembers(ms)
	return ms, nil
}

// Count is how many members a group has, on all nodes. Errors are those of Members.
func (g *Groups) Count(ctx context.Context, name string) (int, error) {
	v, err := g.view(ctx, name)
	if err != nil {
		return 0, err
	}
	return len(v.Members), nil
}

// Has reports whether somebody is in a group, on whichever node. Errors are those of
// Members.
func (g *Groups) Has(ctx context.Context, name, key string) (bool, error) {
	v, err := g.view(ctx, name)
	if err != nil {
		return false, err
	}
	_, ok := v.Members[key]
	return ok, nil
}

// LocalMembers returns who is in a group on this node, by key, each with the role and
// data of the joiner that came last. Errors are those of Members.
func (g *Groups) LocalMembers(ctx context.Context, name string) ([]Member, error) {
	if _, err := g.admit(name); err != nil {
		return nil, err
	}
	sessions, err := g.rosters.Local(ctx, name)
	if err != nil && !errors.Is(err, roster.ErrClosed) {
		return nil, translate(err)
	}
	at := make(map[string]int, len(sessions))
	ms := make([]Member, 0, len(sessions))
	for _, s := range sessions {
		m, _ := readMember(s.Key, s.Value)
		if i, known := at[s.Key]; known {
			ms[i] = m
			continue
		}
		at[s.Key] = len(ms)
		ms = append(ms, m)
	}
	sortMembers(ms)
	return ms, nil
}

func (g *Groups) member(ctx context.Context, name, key string) (Member, error) {
	v, err := g.view(ctx, name)
	if err != nil {
		return Member{}, err
	}
	value, ok := v.Members[key]
	if !ok {
		return Member{}, ErrNotMember
	}
	m, _ := readMember(key, value)
	return m, nil
}

func (g *Groups) view(ctx context.Context, name string) (*roster.View, error) {
	if _, err := g.admit(name); err != nil {
		return nil, err
	}
	v, err := g.rosters.Read(ctx, name)
	if errors.Is(err, roster.ErrClosed) {
		return &roster.View{Name: Name(name)}, nil
	}
	return v, translate(err)
}
