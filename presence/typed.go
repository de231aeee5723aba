package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A Room is the presence of one topic whose users' data are values of T. It is a
// typed face and holds nothing of its own: make as many as you like.
type Room[T any] struct {
	presence *Presence
	name     string
}

// Of returns the typed face of a topic's presence.
func Of[T any](p *Presence, name string) Room[T] { return Room[T]{p, name} }

// A Session is one reason for a member to be there. Its methods are safe for
// concurrent use.
type Session[T any] struct {
	room Room[T]
	key  string
	id   *int // its address names the session
}

// Join has a user be there, until Leave. It returns when all can see it. Several
// sessions of one key count once. The error is a *topic.InputError, ErrOff, or wraps
// ErrUnavailable; the user is then not there.
//
// What others see is data after Policy.Select.
func (r Room[T]) Join(ctx context.Context, key string, data T) (*Session[T], error) {
	s := &Session[T]{room: r, key: key, id: new(int)}
	if key == "" {
		return nil, &topic.InputError{Field: "key", Rule: "must not be empty"}
	}
	if err := s.Update(ctx, data); err != nil {
		return nil, err
	}
	return s, nil
}

// Update changes what others see. When it fails, the change may still come about.
func (s *Session[T]) Update(ctx context.Context, data T) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return &topic.InputError{Field: "data", Rule: "must be encodable as JSON", Err: err}
	}
	p := s.room.presence
	if err := p.allowed(s.room.name); err != nil {
		return err
	}
	policy := *p.policies.find(s.room.name)
	policy.Key = "" // the key is given
	_, value, err := policy.member(s.key, "", encoded)
	if err != nil {
		return err
	}
	return p.rosters.Join(ctx, s.room.name, roster.Session{Receiver: s.id, Key: s.key, Value: value})
}

// Leave ends the session. The user leaves if it was the last, when the policy's
// grace has passed; during an outage, when the backend is back.
func (s *Session[T]) Leave() error {
	return s.room.presence.rosters.Leave(s.room.name, nil, s.id, false)
}

// List returns who is there by key. Data that is no T is a *topic.DecodeError.
func (r Room[T]) List(ctx context.Context) (map[string]T, error) {
	v, err := r.presence.read(ctx, r.name)
	if err != nil {
		return nil, err
	}
	all := make(map[string]T, len(v.Members))
	for key, value := range v.Members {
		data, err := decode[T](r.name, EventState, value)
		if err != nil {
			return nil, err
		}
		all[key] = data
	}
	return all, nil
}

// Count returns how many are there.
func (r Room[T]) Count(ctx context.Context) (int, error) { return r.presence.Count(ctx, r.name) }

// A Change is what happened to one member.
type Change[T any] struct {
	Key  string
	Data T    // also of one who left
	Left bool // else he is there, new or with other data
}

// Watch yields everybody who is there, then every change, until ctx ends, without
// being there. A loop that is slower than the changes ends with topic.ErrLagged.
// Data that is no T stands in its place as a *topic.DecodeError; the loop goes on.
func (r Room[T]) Watch(ctx context.Context) iter.Seq2[Change[T], error] {
	return func(yield func(Change[T], error) bool) {
		feed := topic.NewFeed(topic.DefaultBuffer)
		if err := r.presence.Watch(r.name, feed, feed); err != nil {
			yield(Change[T]{}, err)
			return
		}
		defer func() { _ = r.presence.Exit(r.name, feed, feed) }() // a closed node has nobody to take out
		seen := make(map[string]json.RawMessage)
		for {
			events, err := feed.Next(ctx)
			if err != nil {
				if ctx.Err() == nil {
					yield(Change[T]{}, err)
				}
				return
			}
			for _, e := range events {
				if !r.yield(seen, e, yield) {
					return
				}
			}
		}
	}
}

// yield turns one event into changes. A state that comes again is compared with what
// was seen.
func (r Room[T]) yield(seen map[string]json.RawMessage, e *topic.Event, yield func(Change[T], error) bool) bool {
	joins, leaves := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	switch e.Name() {
	case EventState:
		if err := json.Unmarshal(e.Data(), &joins); err != nil {
			return yield(Change[T]{}, fmt.Errorf("presence: state of %q: %w", r.name, err))
		}
		for key, data := range seen {
			if now, there := joins[key]; !there {
				leaves[key] = data
			} else if string(now) == string(data) {
				delete(joins, key)
			}
		}
	case EventDiff:
		var diff struct{ Joins, Leaves map[string]json.RawMessage }
		if err := json.Unmarshal(e.Data(), &diff); err != nil {
			return yield(Change[T]{}, fmt.Errorf("presence: changes of %q: %w", r.name, err))
		}
		joins, leaves = diff.Joins, diff.Leaves
	default:
		return true
	}
	for key, data := range leaves {
		delete(seen, key)
		if !tell(r.name, e.Name(), key, data, true, yield) {
			return false
		}
	}
	for key, data := range joins {
		seen[key] = data
		if !tell(r.name, e.Name(), key, data, false, yield) {
			return false
		}
	}
	return true
}

func tell[T any](name, event, key string, raw []byte, left bool, yield func(Change[T], error) bool) bool {
	data, err := decode[T](name, event, raw)
	if err != nil {
		return yield(Change[T]{Key: key, Left: left}, err)
	}
	return yield(Change[T]{key, data, left}, nil)
}

func decode[T any](name, event string, raw []byte) (data T, err error) {
	if err := json.Unmarshal(raw, &data); err != nil {
		return data, &topic.DecodeError{Topic: Name(name), Event: event, Err: err}
	}
	return data, nil
}
