package actors

import (
	"context"
	"log/slog"
	"time"
)

// A Context is a Behavior's view of its actor. It is valid during the calls that
// it is passed to and only on the actor's goroutine.
type Context[M any] struct{ c *cell[M] }

// Key returns the key whose actor this is.
func (c *Context[M]) Key() string { return c.c.key }

// Restarts returns how often this activation was started again after a panic.
func (c *Context[M]) Restarts() int { return int(c.c.restarts) }

// Logger returns the system's logger with the actor's kind.
func (c *Context[M]) Logger() *slog.Logger {
	return c.c.keeper.system.log.With("kind", c.c.keeper.kind.Name)
}

// Tell puts m behind what waits for this actor. It is not bounded by
// Kind.MaxQueue. In Stop it is too late: m is refused.
func (c *Context[M]) Tell(m M) {
	if !c.c.postOwn(m) {
		c.c.refuse(m, c.c.reason)
	}
}

// SetIdle overrules Kind.IdleAfter for this actor: a duration, -1 for never, 0
// for what the kind says.
func (c *Context[M]) SetIdle(d time.Duration) {
	c.c.idleAfter.Store(int64(d))
	c.c.keeper.sweeper.want(c.c.idle())
}

// Go runs work on another goroutine; what it returns comes back as a message,
// which is not bounded by Kind.MaxQueue. Until that has been handled the actor is
// neither retired nor, when the keeper closes, stopped. Nothing bounds how many
// run at once: that is for the actor to decide.
//
// ctx ends when the system has closed, or gave up waiting. If work panics the
// panic is counted and logged, and what failed makes of the error, a *PanicError,
// comes back instead; failed runs where work ran. With a nil failed nothing does.
// In Stop it is too late: work is not run and failed is given the reason.
func (c *Context[M]) Go(work func(ctx context.Context) M, failed func(err error) M) {
	c.c.mu.Lock()
	late := c.c.intake == shut
	if !late {
		c.c.work++
	}
	c.c.mu.Unlock()
	if late {
		if failed != nil {
			c.c.refuse(failed(c.c.reason), c.c.reason)
		}
		return
	}
	c.c.keeper.system.pool.submit(&job[M]{c: c.c, work: work, failed: failed})
}

// After tells the actor m when d has passed. The timer does not keep the actor
// from being retired and stops with it. The returned func stops it and may be
// called anywhere; a message that is in the mailbox by then still comes.
func (c *Context[M]) After(d time.Duration, m M) (stop func()) {
	return c.c.after(d, m)
}
