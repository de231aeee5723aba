package group

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A To narrows down who is meant.
type To struct {
	role, key string
	one       bool
}

// Role means all who joined with a role.
func Role(role string) To { return To{role: role} }

// Key means one member, wherever it is connected.
func Key(key string) To { return To{key: key, one: true} }

const maxData = 16 << 20

// Publish sends an event to the members of a group, on all nodes: to all, or to
// those who are meant by one or more of to. It returns when the Relay has it. Each
// member's connection hears it at most once, in the order in which this node
// published. The event may have any name that topic.CheckEvent admits.
//
// Errors: *topic.InputError, *RoleError, ErrNoGroup, ErrNotMember if a member that
// is meant is not there, ErrClosed, ErrOverloaded, ErrStopped, one that wraps
// ErrUnavailable, or the context's. Data is handed over: do not change it afterwards.
func (g *Groups) Publish(ctx context.Context, name, event string, data json.RawMessage, to ...To) error {
	p, err := g.admit(name)
	if err != nil {
		return err
	}
	if data, err = checkWord(event, data); err != nil {
		return err
	}
	words, err := g.words(ctx, p, name, to)
	if err != nil {
		return err
	}
	var faults []error
	for _, w := range words {
		w.Event, w.Data = event, data
		faults = append(faults, translate(g.rosters.Say(ctx, name, w)))
	}
	if err := errors.Join(faults...); err != nil {
		return single(faults, err)
	}
	g.metrics.of(p.Match).publishes.Inc()
	return nil
}

// single is the error itself where there is only one.
func single(faults []error, joined error) error {
	if len(faults) == 1 {
		return faults[0]
	}
	return joined
}

// Send is Publish to one member.
func (g *Groups) Send(ctx context.Context, name, key, event string, data json.RawMessage) error {
	return g.Publish(ctx, name, event, data, Key(key))
}

func checkWord(event string, data json.RawMessage) (json.RawMessage, error) {
	if err := topic.CheckEvent(event); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return json.RawMessage("null"), nil
	}
	if len(data) > maxData {
		return nil, inputError("data", "must be at most 16 MiB")
	}
	if !validJSON(data) {
		return nil, inputError("data", "must be JSON in UTF-8")
	}
	return data, nil
}

// words are what is to be said so that nobody hears it twice: one for each role,
// and one for each member whose role is not among them.
func (g *Groups) words(ctx context.Context, p *Policy, name string, to []To) ([]roster.Word, error) {
	if len(to) == 0 {
		return []roster.Word{{}}, nil
	}
	var words []roster.Word
	var roles, keys []string
	for _, t := range to {
		if t.one {
			keys = append(keys, t.key)
			continue
		}
		if !slices.Contains(p.Roles, t.role) {
			return nil, &RoleError{Role: t.role, Known: slices.Clone(p.Roles)}
		}
		if !slices.Contains(roles, t.role) {
			roles = append(roles, t.role)
			words = append(words, roster.Word{Tag: t.role})
		}
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if key == "" {
			return nil, ErrNotMember // to the rosters it would mean everybody
		}
		heard := false
		if len(roles) > 0 {
			m, err := g.member(ctx, name, key)
			if err != nil {
				return nil, err
			}
			heard = slices.Contains(roles, m.Role)
		}
		if !heard {
			words = append(words, roster.Word{Key: key})
		}
	}
	return words, nil
}
