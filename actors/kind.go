package actors

import (
	"cmp"
	"time"
)

// A Kind says how the actors of one keeper are made and treated.
type Kind[M any] struct {
	// Name labels metrics and logs. Required.
	Name string

	// New makes the Behavior of a key. It runs on the new actor's goroutine, so a
	// panic in it is treated like one in Start. Required.
	New func(key string) Behavior[M]

	// MaxQueue is how many messages may wait for an actor before Tell answers
	// ErrFull. The actor takes all that wait in hand at once, so up to twice as many
	// can be held.
	//
	// Defaults to 8192.
	MaxQueue int

	// MaxBatch is how many messages are handled at most between two calls of Flush.
	//
	// Defaults to 1024.
	MaxBatch int

	// IdleAfter is how long an actor without messages, and without work that it gave
	// to Context.Go, stays. It is retired up to a quarter of that (at most 5 s) later.
	// An actor may overrule it with Context.SetIdle.
	//
	// Defaults to 30 seconds. -1 keeps actors until the keeper closes.
	IdleAfter time.Duration

	// MinBackoff and MaxBackoff bound the delay between a panic and the restart. It
	// doubles with every panic, varies by a quarter either way, and starts over
	// when there was none for FailureWindow.
	//
	// Default to 10 milliseconds and 10 seconds.
	MinBackoff, MaxBackoff time.Duration

	// MaxFailures panics within FailureWindow stop the actor with ErrFailed; the
	// next Tell spawns a new one.
	//
	// Default to 5 within a minute.
	MaxFailures   int
	FailureWindow time.Duration
}

func (k Kind[M]) withDefaults() Kind[M] {
	k.MaxQueue = cmp.Or(k.MaxQueue, 8192)
	k.MaxBatch = cmp.Or(k.MaxBatch, 1024)
	k.IdleAfter = cmp.Or(k.IdleAfter, 30*time.Second)
	k.MinBackoff = cmp.Or(k.MinBackoff, 10*time.Millisecond)
	k.MaxBackoff = cmp.Or(k.MaxBackoff, max(10*time.Second, k.MinBackoff))
	k.MaxFailures = cmp.Or(k.MaxFailures, 5)
	k.FailureWindow = cmp.Or(k.FailureWindow, time.Minute)
	return k
}

// mustBeValid panics on what only a programmer can get wrong.
func (k Kind[M]) mustBeValid() {
	switch {
	case k.Name == "":
		panic("actors: Kind.Name is empty")
	case k.New == nil:
		panic("actors: Kind.New of " + k.Name + " is nil")
	case k.MaxQueue < 0, k.MaxBatch < 0, k.MaxFailures < 0:
		panic("actors: a limit of kind " + k.Name + " is negative")
	case k.IdleAfter < -1, k.MinBackoff < 0, k.MaxBackoff < k.MinBackoff, k.FailureWindow < 0:
		panic("actors: a duration of kind " + k.Name + " is out of range")
	}
}
