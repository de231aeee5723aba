package group

import (
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

var (
	// ErrFull refuses a join: the group has as many members as it may. A
	// *roster.FullError is with it and tells how many.
	ErrFull = errors.New("group: full")

	// ErrClosed answers what is asked of a group that was closed, until it is opened
	// again.
	ErrClosed = errors.New("group: closed")

	// ErrRole is wrapped by every *RoleError.
	ErrRole = errors.New("group: no such role")

	// ErrNotMember answers what is meant for somebody who is not in the group.
	ErrNotMember = errors.New("group: not a member")

	// ErrNoGroup answers for a name that no policy matches.
	ErrNoGroup = errors.New("group: no policy matches the name")

	// ErrUnavailable is wrapped by errors that come from the Store or the Relay.
	ErrUnavailable = errors.New("group: backend unavailable")

	// ErrOverloaded refuses what a group's actor has no room for. Nothing was done.
	ErrOverloaded = errors.New("group: overloaded")

	// ErrStopped answers everything after Stop.
	ErrStopped = errors.New("group: stopped")
)

// A RoleError names a role that the group's policy does not have. It is an ErrRole.
type RoleError struct {
	Role  string
	Known []string
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("group: no role %q: there are %s", e.Role, strings.Join(e.Known, ", "))
}

func (e *RoleError) Unwrap() error { return ErrRole }

// translate turns what the rosters answer into this package's errors.
func translate(err error) error {
	var full *roster.FullError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &full):
		return fmt.Errorf("%w: %w", ErrFull, full)
	case errors.Is(err, roster.ErrClosed):
		return ErrClosed
	case errors.Is(err, roster.ErrAbsent):
		return ErrNotMember
	case errors.Is(err, actors.ErrFull):
		return ErrOverloaded
	case errors.Is(err, actors.ErrClosed):
		return ErrStopped
	case errors.Is(err, roster.ErrUnavailable):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}

// unavailable wraps what a backend answered.
func unavailable(group, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: group %q: %s: %w", ErrUnavailable, group, what, err)
}

func inputError(field, format string, args ...any) error {
	return &topic.InputError{Field: field, Rule: fmt.Sprintf(format, args...)}
}
