package actors

import (
	"context"
	"time"
)

// A job is work on its way.
type job[M any] struct {
	c      *cell[M]
	work   func(context.Context) M
	failed func(error) M
	result *M // nil while there is none
}

// run implements task.
func (j *job[M]) run() {
	defer j.finish()
	result := j.work(j.c.keeper.system.ctx)
	j.result = &result
}

// finish runs deferred, since work may panic or end its goroutine.
func (j *job[M]) finish() {
	value := recover()
	defer func() { j.c.workDone(j.result) }()
	if j.result != nil {
		return
	}
	if value == nil {
		value = errGoexit
	}
	err := j.c.keeper.panicked(j.c.key, value)
	if j.failed != nil {
		j.c.guard(func() {
			result := j.failed(err)
			j.result = &result
		})
	}
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
