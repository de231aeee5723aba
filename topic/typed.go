package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// A Room is a topic whose data are values of T. It is a typed face over Topics
// and holds nothing of its own: make as many as you like.
type Room[T any] struct {
	topics *Topics
	name   string
}

// Of returns the typed face of the topic called name.
func Of[T any](topics *Topics, name string) Room[T] { return Room[T]{topics, name} }

// A Value is an event whose data has been decoded.
type Value[T any] struct {
	Event    string
	Data     T
	Position Position // Seq is 0 in a topic without history
}

// A LossError stands in an Events loop in the place of events that were missed.
// The loop goes on after it.
type LossError struct {
	Topic string
	Loss
}

func (e *LossError) Error() string {
	if e.Stale {
		return fmt.Sprintf("topic %q: events since %s may have been missed", e.Topic, e.At.Format("15:04:05.000"))
	}
	return fmt.Sprintf("topic %q: events after %d are gone, the oldest kept is %d", e.Topic, e.Since, e.Oldest)
}

// A DecodeError stands in an Events loop in the place of an event whose data is
// not a T. The loop goes on after it.
type DecodeError struct {
	Topic string
	Event string
	Seq   uint64
	Err   error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("topic %q: data of event %q does not fit: %v", e.Topic, e.Event, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Publish sends a value and returns its position when the Log has it. Data that
// can not be encoded is refused with an *InputError before anything is kept; the
// other errors are those of Topics.Publish.
func (r Room[T]) Publish(ctx context.Context, event string, data T, opts ...PublishOption) (Position, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return Position{}, &InputError{Field: "data", Rule: "can not be encoded as JSON", Err: err}
	}
	m := Message{Event: event, Data: encoded, Checked: true}
	for _, opt := range opts {
		opt(&m)
	}
	receipt, err := r.topics.Publish(ctx, r.name, m)
	return receipt.Position, err
}

// A PublishOption changes one publish.
type PublishOption func(*Message)

// WithID makes a publish idempotent: the same id within the policy's Dedup is
// kept and delivered once.
func WithID(id string) PublishOption { return func(m *Message) { m.ID = id } }

// An EventsOption changes how Events begins.
type EventsOption func(*events)

type events struct {
	since  *Position
	buffer int
}

// Since makes Events begin with what was published after a position.
func Since(p Position) EventsOption { return func(e *events) { e.since = &p } }

// Buffer is how many events may wait for the body of the loop, at least 1.
func Buffer(n int) EventsOption { return func(e *events) { e.buffer = max(n, 1) } }

// Events returns what is published to the topic from now on, or since a
// position, in order. The loop subscribes when it begins and unsubscribes when
// it ends, by break or with ctx.
//
// A *LossError or *DecodeError takes the place of what can not be shown, and the
// loop goes on. Every other error is the last: the context's, ErrLagged if the
// body is slower than the topic, ErrClosed, ErrFailed, or one that wraps
// ErrUnavailable.
func (r Room[T]) Events(ctx context.Context, opts ...EventsOption) iter.Seq2[Value[T], error] {
	o := events{buffer: DefaultBuffer}
	for _, opt := range opts {
		opt(&o)
	}
	return func(yield func(Value[T], error) bool) {
		f := NewFeed(o.buffer)
		if err := r.topics.Subscribe(r.name, Subscription{Outlet: f, Receiver: f, Since: o.since}); err != nil {
			yield(Value[T]{}, err)
			return
		}
		defer func() { _ = r.topics.Unsubscribe(r.name, f, f) }() // fails only when all is closed
		for {
			evs, err := f.Next(ctx)
			if err != nil {
				yield(Value[T]{}, err)
				return
			}
			for _, e := range evs {
				if !yield(decode[T](e)) {
					return
				}
			}
		}
	}
}

func decode[T any](e *Event) (Value[T], error) {
	v := Value[T]{Event: e.Name(), Position: e.Position()}
	if e.loss != nil {
		return v, &LossError{Topic: e.Topic(), Loss: *e.loss}
	}
	if err := json.Unmarshal(e.Data(), &v.Data); err != nil {
		return v, &DecodeError{Topic: e.Topic(), Event: e.Name(), Seq: e.Seq(), Err: err}
	}
	return v, nil
}

// Since returns the values published after a position, at most limit (0: all
// there is). Gone events are answered with a *LossError beside what there is.
func (r Room[T]) Since(ctx context.Context, p Position, limit int) ([]Value[T], error) {
	h, err := r.topics.History(ctx, r.name, p, limit)
	if err != nil {
		return nil, err
	}
	values := make([]Value[T], 0, len(h.Events))
	for _, e := range h.Events {
		v, err := decode[T](e)
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	if h.Truncated {
		return values, &LossError{Topic: r.name, Loss: Loss{Since: p.Seq, Oldest: h.Oldest, Head: h.Head}}
	}
	return values, nil
}

// Seq returns where the topic stands.
func (r Room[T]) Seq(ctx context.Context) (Position, error) { return r.topics.Head(ctx, r.name) }

// Clear forgets the topic's history; receivers are told.
func (r Room[T]) Clear(ctx context.Context) error { return r.topics.Clear(ctx, r.name) }
