package ratelimit

import (
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
)

var (
	// ErrUnknown is returned for a limit that the Limits were not started with.
	ErrUnknown = errors.New("ratelimit: no such limit")

	// ErrUnavailable is wrapped by every error of the Store: it failed, did not answer
	// within Config.Timeout, or more wait for it than it can serve. Nothing was allowed.
	ErrUnavailable = errors.New("ratelimit: backend unavailable")

	// ErrClosed answers everything after Close.
	ErrClosed = errors.New("ratelimit: closed")
)

var (
	errTimeout    = errors.New("no answer in time")
	errOverloaded = errors.New("too many wait")
	errAnswer     = errors.New("the store answered something else")
	errStore      = errors.New("the store panicked")
	errPanicked   = errors.New("internal error, the actor panicked")
)

// An InputError says which argument is wrong, and the rule that it breaks. Nothing was
// consumed or changed.
type InputError struct {
	Field string // "cost", "key", "duration"
	Rule  string // a sentence: "must be at least 1"
}

func (e *InputError) Error() string { return fmt.Sprintf("ratelimit: %s %s", e.Field, e.Rule) }

// unavailable wraps what kept a limit from answering. It never names the key.
func unavailable(limit string, err error) error {
	return fmt.Errorf("%w: limit %q: %w", ErrUnavailable, limit, err)
}

// refusal translates why an actor did not handle a message.
func refusal(limit string, err error) error {
	switch {
	case errors.Is(err, actors.ErrClosed), errors.Is(err, ErrClosed):
		return ErrClosed
	case errors.Is(err, actors.ErrFull):
		return unavailable(limit, errOverloaded)
	case errors.Is(err, actors.ErrFailed):
		return unavailable(limit, errPanicked)
	}
	if _, ok := errors.AsType[*actors.PanicError](err); ok {
		return unavailable(limit, errPanicked)
	}
	return unavailable(limit, err)
}
