package breaker

import (
	"errors"
	"fmt"
	"time"
)

// ErrOpen is what errors of refused calls are: see OpenError.
var ErrOpen = errors.New("breaker: open")

// An OpenError refuses a call because its backend is broken, or is being probed
// by another call.
type OpenError struct {
	Backend    string
	State      State         // Broken or Probing
	RetryAfter time.Duration // when asking again makes sense; a probe by somebody else may end earlier
}

// Error says which backend and for how long.
func (e *OpenError) Error() string {
	return fmt.Sprintf("breaker: %s is %v, retry after %v", e.Backend, e.State, e.RetryAfter)
}

// Unwrap returns ErrOpen.
func (e *OpenError) Unwrap() error { return ErrOpen }
