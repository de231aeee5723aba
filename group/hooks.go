package group

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// Hooks tell the program what happens on this node. They are called one at a time, in
// order, on a goroutine of their own, and may block: up to MaxCalls calls wait
// meanwhile, and further ones are dropped, counted and logged. A panic is counted and
// logged, and costs that call.
type Hooks struct {
	// OnJoin is called when a member is on this node that was not, OnLeave when its
	// last joiner here has left or lost its place, also by Stop. Each OnJoin is followed
	// by one OnLeave, or by the OnClose of the group.
	OnJoin, OnLeave func(group string, m Member)

	// OnFull is called when somebody could not join for want of a place.
	OnFull func(group string, m Member)

	// OnClose is called when a group was closed, on each node that had members of it.
	OnClose func(group string)
}

// MaxCalls is how many calls of hooks may wait.
const MaxCalls = 1 << 16

func (h Hooks) none() bool {
	return h.OnJoin == nil && h.OnLeave == nil && h.OnFull == nil && h.OnClose == nil
}

type occasion uint8

const (
	onJoin occasion = iota
	onLeave
	onFull
	onClose
)

type call struct {
	on     occasion
	group  string
	member Member
}

// hooks calls Hooks on a goroutine of its own.
type hooks struct {
	Hooks
	metrics *metrics
	logger  *slog.Logger
	wake    chan struct{}
	ended   chan struct{}

	mu       sync.Mutex
	waiting  []call
	stopping bool
	dropping bool
}

func startHooks(h Hooks, m *metrics, logger *slog.Logger) *hooks {
	q := &hooks{Hooks: h, metrics: m, logger: logger, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if h.none() {
		q.stopping = true
		close(q.ended)
		return q
	}
	go q.run()
	return q
}

// tell has a hook called later. It does not block.
func (q *hooks) tell(c call) {
	if !q.wants(c.on) {
		return
	}
	q.mu.Lock()
	full := len(q.waiting) >= MaxCalls
	first := full && !q.dropping
	q.dropping = full
	if !full && !q.stopping {
		q.waiting = append(q.waiting, c)
	}
	q.mu.Unlock()
	if full {
		q.metrics.dropped.Inc()
		if first {
			q.logger.Error("hooks of groups are too slow, calls are dropped")
		}
		return
	}
	q.nudge()
}

func (q *hooks) wants(on occasion) bool {
	switch on {
	case onJoin:
		return q.OnJoin != nil
	case onLeave:
		return q.OnLeave != nil
	case onFull:
		return q.OnFull != nil
	default:
		return q.OnClose != nil
	}
}

func (q *hooks) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *hooks) run() {
	defer close(q.ended)
	for range q.wake {
		for {
			calls, stopping := q.take()
			for _, c := range calls {
				q.call(c)
			}
			if len(calls) == 0 && stopping {
				return
			}
			if len(calls) == 0 {
				break
			}
		}
	}
}

func (q *hooks) take() ([]call, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.waiting
	q.waiting = nil
	return calls, q.stopping
}

func (q *hooks) call(c call) {
	defer func() {
		if v := recover(); v != nil {
			q.metrics.panics.Inc()
			q.logger.Error("a hook of groups panicked", "err", panicText(v))
		}
	}()
	switch c.on {
	case onJoin:
		q.OnJoin(c.group, c.member)
	case onLeave:
		q.OnLeave(c.group, c.member)
	case onFull:
		q.OnFull(c.group, c.member)
	case onClose:
		q.OnClose(c.group)
	}
}

// panicText is what may be logged: other values than errors may hold what users sent.
func panicText(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

// stop has the calls that wait made and no others, and waits for that as long as ctx
// lasts. A hook that does not return then is left behind.
func (q *hooks) stop(ctx context.Context) error {
	q.mu.Lock()
	q.stopping = true
	q.mu.Unlock()
	q.nudge()
	select {
	case <-q.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("group: hooks did not end: %w", ctx.Err())
	}
}
