package group

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/troupe-rt/troupe/topic"
)

// A Group is one group whose members' data are values of T. It is a typed face over
// Groups and holds nothing of its own: make as many as you like.
type Group[T any] struct {
	groups *Groups
	name   string
}

// Of returns the typed face of the group called name.
func Of[T any](groups *Groups, name string) Group[T] { return Group[T]{groups, name} }

// A MemberOf is a Member whose data has been decoded.
type MemberOf[T any] struct {
	Key  string
	Role string
	Data T
}

// Join puts a part of the program into the group, as identity and with a role, "" for
// the policy's first. Errors are those of Groups.Join.
func (g Group[T]) Join(ctx context.Context, identity, role string, data T) (*Seat, error) {
	raw, err := encode(data)
	if err != nil {
		return nil, err
	}
	return g.groups.Join(ctx, g.name, Joiner{Identity: identity, Role: role, Data: raw})
}

// Members returns who is in the group, on all nodes, by key. One whose data is not a
// T ends it with an error that says so. Other errors are those of Groups.Members.
func (g Group[T]) Members(ctx context.Context) ([]MemberOf[T], error) {
	raw, err := g.groups.Members(ctx, g.name)
	if err != nil {
		return nil, err
	}
	ms := make([]MemberOf[T], len(raw))
	for i, m := range raw {
		ms[i].Key, ms[i].Role = m.Key, m.Role
		if err := json.Unmarshal(m.Data, &ms[i].Data); err != nil {
			return nil, fmt.Errorf("group %q: data of a member does not fit: %w", g.name, err)
		}
	}
	return ms, nil
}

// Publish sends an event with any data that can be encoded. Errors are those of
// Groups.Publish.
func (g Group[T]) Publish(ctx context.Context, event string, data any, to ...To) error {
	raw, err := encode(data)
	if err != nil {
		return err
	}
	return g.groups.Publish(ctx, g.name, event, raw, to...)
}

func encode(v any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, &topic.InputError{Field: "data", Rule: "can not be encoded as JSON", Err: err}
	}
	return raw, nil
}
