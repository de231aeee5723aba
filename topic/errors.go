package topic

import (
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
)

var (
	// ErrClosed answers everything after Close.
	ErrClosed = errors.New("topic: closed")

	// ErrOverloaded refuses a publish because the topic's mailbox is full. The
	// event is neither kept nor delivered; try again a little later.
	ErrOverloaded = errors.New("topic: overloaded")

	// ErrNoHistory answers a question about the past of a topic whose policy
	// keeps none.
	ErrNoHistory = errors.New("topic: keeps no history")

	// ErrLagged ends an Events loop whose body was slower than its topic.
	ErrLagged = errors.New("topic: receiver lagged behind")

	// ErrFailed ends the receivers of a topic whose actor kept panicking and
	// was stopped. Subscribing again spawns a fresh one.
	ErrFailed = errors.New("topic: actor failed")

	// ErrUnavailable is wrapped by every error that comes from the Log or the
	// Relay: the backend refused, or did not answer in time.
	ErrUnavailable = errors.New("topic: backend unavailable")
)

var (
	errPanicked    = errors.New("topic: internal error, the actor panicked")
	errShortAnswer = errors.New("the log answered for fewer entries than it was given")
	errMovingLog   = errors.New("the log moved on faster than it could be read")
)

// An InputError says which part of what the caller gave is wrong, and the rule
// that it breaks. Nothing has been kept or delivered.
type InputError struct {
	Field string // "topic", "event", "data", "id", "since", "position"
	Rule  string // a sentence: "must be 1 to 256 characters long"
	Err   error  // what encoding/json said, if it did
}

func (e *InputError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("topic: %s %s: %v", e.Field, e.Rule, e.Err)
	}
	return fmt.Sprintf("topic: %s %s", e.Field, e.Rule)
}

func (e *InputError) Unwrap() error { return e.Err }

// refusal translates why an actor did not handle a message.
func refusal(err error) error {
	switch {
	case errors.Is(err, actors.ErrFull):
		return ErrOverloaded
	case errors.Is(err, actors.ErrClosed):
		return ErrClosed
	case errors.Is(err, actors.ErrFailed):
		return ErrFailed
	default:
		return err
	}
}

// unavailable wraps what a backend answered.
func unavailable(topic, what string, err error) error {
	return fmt.Errorf("%w: topic %q: %s: %w", ErrUnavailable, topic, what, err)
}
