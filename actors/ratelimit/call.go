package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// States of a call. It leaves the first one once.
const (
	open uint32 = iota
	answered
	left // its caller has gone
)

// A call is a question with a caller who waits, but not for ever.
type call struct {
	state  atomic.Uint32
	wake   chan struct{} // has room for one
	result Result
	err    error
}

// answer ends the call. The first answer counts. It never blocks.
func (c *call) answer(r Result, err error) {
	if c.state.CompareAndSwap(open, answered) {
		c.result, c.err = r, err
		c.wake <- struct{}{}
	}
}

// gone reports whether nobody waits any more.
func (c *call) gone() bool { return c.state.Load() == left }

// spares are what calls use again. Each Limits has its own.
type spares struct{ wakes, timers sync.Pool }

func (s *spares) init() {
	s.wakes.New = func() any { return make(chan struct{}, 1) }
	s.timers.New = func() any {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
}

// wait returns the answer, or why there is none: ctx's error or errTimeout.
func (s *spares) wait(ctx context.Context, c *call, timeout time.Duration) (Result, error) {
	timer := s.timers.Get().(*time.Timer)
	timer.Reset(timeout)
	defer func() { timer.Stop(); s.timers.Put(timer) }()
	var err error
	select {
	case <-c.wake:
		s.wakes.Put(c.wake)
		return c.result, c.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errTimeout
	}
	if c.state.CompareAndSwap(open, left) {
		return Result{}, err // wake stays with the call: nobody knows when it is let go
	}
	<-c.wake // the answer came at the same moment
	s.wakes.Put(c.wake)
	return c.result, c.err
}
