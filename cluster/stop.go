package cluster

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// grace is how long something may go on after its context has ended before it
// is left behind.
const grace = time.Second

var errClosed = errors.New("the node was closed")

// A hook is what OnDrain registered.
type hook struct {
	run  func(context.Context) error
	from string // the function that registered it, for the error
}

// OnDrain registers what is to be done before presence and topics go: refusing new
// connections, sending clients away. Hooks run one after the other, the newest
// first, and each must return soon after its context has ended. One that is
// registered while the node drains runs too; after that it never runs.
func (n *Node) OnDrain(run func(ctx context.Context) error) {
	h := hook{run: run, from: "unknown"}
	if pc, _, _, ok := runtime.Caller(1); ok {
		h.from = runtime.FuncForPC(pc).Name()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hooks = append(n.hooks, h)
}

// Drain stops the node gently: the hooks newest first, then the bridges from Postgres, presence, groups,
// cursors and limits, then the topics, then the lease and the actors. It returns when all is down; when ctx ends first, what is left
// is stopped hard, and the error names it. Calls after the first wait for the
// same end and get the same error; the earliest of their contexts counts.
func (n *Node) Drain(ctx context.Context) error {
	n.mu.Lock()
	first := n.hasten == nil
	if first {
		ctx, n.hasten = context.WithCancelCause(ctx)
	}
	hasten := n.hasten
	n.mu.Unlock()
	if first {
		defer hasten(nil)
		n.unwatch()
		n.stop(ctx)
		return n.err
	}
	release := context.AfterFunc(ctx, func() { hasten(context.Cause(ctx)) })
	defer release()
	<-n.stopped
	return n.err
}

// Close stops the node hard. Hooks are called with a context that has ended.
// A drain that is under way is cut short.
func (n *Node) Close() error {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errClosed)
	return n.Drain(ctx)
}

// stop runs once, in the first call of Drain.
func (n *Node) stop(ctx context.Context) {
	began := time.Now()
	n.metrics.draining.Set(1)
	n.logger.Info("node draining")
	var errs []error
	for h, ok := n.nextHook(); ok; h, ok = n.nextHook() {
		errs = append(errs, step(ctx, "drain hook of "+h.from, h.run))
	}
	floors, cancel := atLeast(ctx, grace)
	defer cancel()
	errs = append(errs, n.bridges.close(floors))
	clean, err := n.rooms.close(floors)
	errs = append(errs, err, step(floors, "topics", n.topics.Close))
	if n.agent != nil && !clean {
		n.logger.Warn("the others have to clean up after this node", "err", err)
	}
	errs = append(errs, n.lower(floors, clean)...)
	errs = append(errs, step(floors, "actors", n.system.Close))
	if err := errors.Join(errs...); err != nil {
		n.err = fmt.Errorf("cluster: drain: %w", err)
	}
	n.metrics.draining.Set(0)
	n.logger.Info("node stopped", "took", time.Since(began).Round(time.Millisecond).String())
	close(n.stopped)
}

// atLeast returns ctx, or a context with a little time if ctx has ended: the
// floors below the hooks have to come down in either case.
func atLeast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

func (n *Node) nextHook() (hook, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.hooks) - 1
	if last < 0 {
		return hook{}, false
	}
	h := n.hooks[last]
	n.hooks = n.hooks[:last]
	return h, true
}

// step runs one part of stopping. A part that does not return within grace
// after the end of ctx is left behind: stopping must end.
func step(ctx context.Context, what string, run func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- guarded(ctx, run) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case err = <-done:
		case <-timer.C:
			return fmt.Errorf("%s did not finish: %w", what, context.Cause(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// A part is one of several that stop at the same time.
type part struct {
	what string
	run  func(context.Context) error
}

// together runs a step for each part, and returns what each came to.
func together(ctx context.Context, parts []part) []error {
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() { errs[i] = step(ctx, p.what, p.run) })
	}
	all.Wait()
	return errs
}

// guarded keeps a panic in a hook from ending the program in mid-drain.
func guarded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked with a value of type %T", p)
		}
	}()
	return run(ctx)
}
