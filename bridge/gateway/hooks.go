package gateway

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"
)

// hook runs a hook of this client on the reader, so that its frames take effect
// in order. What is not a decision of the hook is counted and logged here.
func (s *session) hook(name string, call func(ctx context.Context) error) error {
	ctx := &hookContext{parent: s.g.ctx, session: s, deadline: time.Now().Add(s.g.o.HookTimeout)}
	defer ctx.stop()
	err := protect(ctx, call)
	if ctx.expired() {
		err = errHookTimeout
	}
	s.g.noteHook(name, s.id, err)
	return err
}

// protect turns a panic into an error.
func protect(ctx context.Context, call func(ctx context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return call(ctx)
}

// noteHook counts and logs an error that is the embedding program's.
func (g *Gateway) noteHook(name, session string, err error) {
	if err == nil || !judge(err).fault {
		return
	}
	g.m.hookFaults.WithLabelValues(name).Inc()
	attrs := []any{"kind", name, "session", session, "err", err}
	var p *panicError
	if errors.As(err, &p) {
		attrs = append(attrs, "panic", p.value, "stack", string(p.stack))
	}
	g.log.Error("hook failed", attrs...)
}

// A hookContext is a context with a deadline that costs no timer unless somebody
// waits for it: most hooks decide without waiting.
type hookContext struct {
	parent   context.Context
	session  *session
	deadline time.Time

	mu     sync.Mutex
	real   context.Context
	cancel context.CancelFunc
	over   bool
}

type sessionKey struct{}

func (c *hookContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *hookContext) Done() <-chan struct{} { return c.context().Done() }

func (c *hookContext) Err() error { return c.context().Err() }

func (c *hookContext) Value(key any) any {
	if key == (sessionKey{}) {
		return c.session
	}
	return c.parent.Value(key)
}

func (c *hookContext) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.cancel = context.WithDeadline(c.parent, c.deadline)
		if c.over {
			c.cancel()
		}
	}
	return c.real
}

func (c *hookContext) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *hookContext) expired() bool { return !time.Now().Before(c.deadline) }
