package actors

import (
	"errors"
	"fmt"
)

var (
	// ErrFull is returned by Tell when the actor's mailbox is full. The message
	// was not taken.
	ErrFull = errors.New("actors: mailbox is full")

	// ErrClosed is returned by Tell when the keeper or its system is closing. It is
	// also the reason that Stop and Refuse are given then.
	ErrClosed = errors.New("actors: closed")

	// ErrPassivated is the reason given to Stop when an idle actor is retired.
	ErrPassivated = errors.New("actors: passivated")

	// ErrFailed is the reason given to Stop and Refuse when an actor panicked too
	// often and was stopped.
	ErrFailed = errors.New("actors: panicked too often")
)

// errRetired means that this activation takes no more messages and that the
// keeper knows whether there is another. It never leaves the package.
var errRetired = errors.New("actors: activation is retired")

// errGoexit stands in for the panic value when a handler ended its goroutine.
var errGoexit = errors.New("runtime.Goexit called by a behavior")

// A PanicError says that an actor's code panicked. It is what Refuse is given
// when the handling of that message panicked.
//
// Value and Key may hold what users sent; Error prints neither.
type PanicError struct {
	Kind  string
	Key   string
	Value any    // what was passed to panic
	Stack []byte // of the panicking goroutine, as by runtime/debug.Stack
}

// Error names the kind and, when the panic value is an error, its text; of any
// other value only the type, since the value may hold a message's contents.
func (e *PanicError) Error() string {
	if err, ok := e.Value.(error); ok {
		return fmt.Sprintf("actors: %s panicked: %v", e.Kind, err)
	}
	return fmt.Sprintf("actors: %s panicked with a value of type %T", e.Kind, e.Value)
}

// Unwrap returns the panic value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
