package lease

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// maxNotices bounds what waits for listeners.
const maxNotices = 4096

// A teller calls listeners one after the other, apart from the loop that renews.
type teller struct {
	logger  *slog.Logger
	metrics *metrics

	// Guarded by Agent.mu.
	changed []func(Change)
	lost    []func(old, new Member)
	emptied []func()

	mu       sync.Mutex
	queue    []func()
	dropping bool // logged already
	wake     chan struct{}
}

func (t *teller) init(l *slog.Logger, m *metrics) {
	t.logger, t.metrics, t.wake = l, m, make(chan struct{}, 1)
}

// notify queues a notice for all listeners of its kind.
func (t *teller) notify(n notice) {
	switch {
	case n.change != nil:
		for _, f := range t.changed {
			t.tell(func() { f(*n.change) })
		}
	case n.lost != nil:
		for _, f := range t.lost {
			t.tell(func() { f(n.lost[0], n.lost[1]) })
		}
	case n.emptied:
		for _, f := range t.emptied {
			t.tell(f)
		}
	}
}

func (t *teller) tell(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) >= maxNotices {
		t.metrics.dropped.Inc()
		if !t.dropping {
			t.dropping = true
			t.logger.Error("a listener hangs, membership notices are dropped")
		}
		return
	}
	t.queue = append(t.queue, f)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run calls what is queued, until ctx ends and nothing is left.
func (t *teller) run(ctx context.Context) {
	for {
		t.mu.Lock()
		calls := t.queue
		t.queue, t.dropping = nil, false
		t.mu.Unlock()
		for _, f := range calls {
			if err := isolated(func() error { f(); return nil }); err != nil {
				t.logger.Error("membership listener panicked", "err", err)
			}
		}
		if len(calls) > 0 {
			continue
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return
		}
	}
}

// isolated makes a panic of f an error.
func isolated(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
