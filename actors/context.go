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
	c.c.keeper.system.pool.submit(&job[M]{c.c, work, failed})
}

// After tells the actor m when d has passed. The timer does not keep the actor
// from being retired and stops with it. The returned func stops it and may be
// called anywhere; a message that is in the mailbox by then still comes.
func (c *Context[M]) After(d time.Duration, m M) (stop func()) {
	return c.c.after(d, m)
}

// A job is work on its way.
type job[M any] struct {
	c      *cell[M]
	work   func(context.Context) M
	failed func(error) M
}

// run implements task.
func (j *job[M]) run() {
	var result M
	ok := false
	defer func() {
		if !ok { // a failed that panics, or a Goexit
			j.c.workDone(nil)
		}
	}()
	var err error
	if result, err = j.try(); err == nil {
		ok = true
	} else if j.failed != nil {
		j.c.guard(func() { result, ok = j.failed(err), true })
	}
	if ok {
		j.c.workDone(&result)
	}
}

func (j *job[M]) try() (result M, err error) {
	returned := false
	defer func() {
		if v := recover(); v != nil {
			err = j.c.keeper.panicked(j.c.key, v)
		} else if !returned {
			err = j.c.keeper.panicked(j.c.key, errGoexit)
		}
	}()
	result = j.work(j.c.keeper.system.ctx)
	returned = true
	return result, nil
}

// workDone ends work with its result, if it has one, in one step: an actor with
// no work left and an empty mailbox may be retired.
func (c *cell[M]) workDone(result *M) {
	c.mu.Lock()
	c.work--
	late := c.intake == shut
	if !late && result != nil {
		c.in = append(c.in, *result)
	}
	if !late {
		c.kick() // a closing actor may have waited for this
	}
	c.mu.Unlock()
	if late && result != nil {
		c.refuse(*result, c.reason)
	}
}

// An alarm is a message on its way to the future.
type alarm[M any] struct {
	c     *cell[M]
	m     M
	timer *time.Timer
}

func (c *cell[M]) after(d time.Duration, m M) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake == shut {
		return func() {}
	}
	a := &alarm[M]{c: c, m: m}
	x := c.extra()
	if x.alarms == nil {
		x.alarms = make(map[*alarm[M]]struct{})
	}
	x.alarms[a] = struct{}{}
	a.timer = time.AfterFunc(d, a.ring) // ring waits for mu
	return a.cancel
}

// take reports whether the alarm was still set, and unsets it. The caller holds mu.
func (a *alarm[M]) take() bool {
	if a.c.extras == nil {
		return false
	}
	_, set := a.c.extras.alarms[a]
	delete(a.c.extras.alarms, a)
	return set
}

func (a *alarm[M]) ring() {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	if a.take() && a.c.intake != shut {
		a.c.in = append(a.c.in, a.m)
		a.c.kick()
	}
}

func (a *alarm[M]) cancel() {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	if a.take() {
		a.timer.Stop()
	}
}
