package cursor

import (
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

var (
	// ErrOff answers for topics that have no cursors.
	ErrOff = errors.New("cursor: the topic has no cursors")

	// ErrFull refuses a cursor because its board has as many as it may, or as many
	// bytes. Those that are there go on.
	ErrFull = errors.New("cursor: the board is full")

	// ErrOverloaded refuses what a board's actor can not take right now.
	ErrOverloaded = errors.New("cursor: overloaded")

	// ErrClosed answers everything after Close. It wraps topic.ErrClosed.
	ErrClosed = fmt.Errorf("cursor: %w", topic.ErrClosed)

	// ErrFailed ends the receivers of a board whose actor kept panicking and was
	// stopped. It wraps topic.ErrFailed.
	ErrFailed = fmt.Errorf("cursor: %w", topic.ErrFailed)

	// ErrUnavailable is wrapped by errors of the Store.
	ErrUnavailable = errors.New("cursor: backend unavailable")
)

// An InputError says which part of what the caller gave is wrong, and the rule that it
// breaks. Nothing was shown.
type InputError struct {
	Field string // "topic", "key", "user", "data"
	Rule  string // a sentence: "must be JSON in UTF-8"
	Err   error  // what was found, if more is to say
}

func (e *InputError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("cursor: %s %s: %v", e.Field, e.Rule, e.Err)
	}
	return fmt.Sprintf("cursor: %s %s", e.Field, e.Rule)
}

func (e *InputError) Unwrap() error { return e.Err }

// refusal translates why an actor did not take or handle a message.
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
