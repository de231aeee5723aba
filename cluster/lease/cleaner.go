package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Cleanup cleans up after a dead node; see Agent.OnCleanup.
type Cleanup func(ctx context.Context, dead Member, fence uint64) error

// maxCleanups bounds how many dead nodes one survivor cleans up after at a time. The
// others are left for the next view, or for other survivors.
const maxCleanups = 4

// A cleaner claims dead nodes and runs the hooks, each in its own goroutine.
type cleaner struct {
	agent *Agent
	work  sync.WaitGroup

	mu    sync.Mutex
	hooks []Cleanup
	busy  map[key]bool
	won   []Member // claims that the loop has not heard of
}

func (c *cleaner) init(a *Agent) { c.agent, c.busy = a, map[key]bool{} }

// clean begins to clean up, unless it is under way here. It ends with ctx.
func (c *cleaner) clean(ctx context.Context, dead, self Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[dead.key()] || len(c.busy) >= maxCleanups {
		return
	}
	c.busy[dead.key()] = true
	c.work.Go(func() {
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.busy, dead.key())
		}()
		c.attempt(ctx, dead, self)
	})
}

func (c *cleaner) wait() { c.work.Wait() }

// takeWon returns whom we claimed since the last call.
func (c *cleaner) takeWon() []Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	won := c.won
	c.won = nil
	return won
}

// attempt claims the dead node, cleans up and counts how that went.
func (c *cleaner) attempt(ctx context.Context, dead, self Member) {
	cfg, m := c.agent.cfg, c.agent.metrics
	// The claim runs from the call, so that ours ends before the registry's.
	ctx, cancel := context.WithTimeout(ctx, cfg.ClaimTTL)
	defer cancel()
	fence, err := c.claim(ctx, Claim{Dead: dead, By: self, For: cfg.ClaimTTL})
	if err == nil && fence == 0 {
		m.outrun.Inc()
		return
	}
	logger := c.agent.logger.With("member", dead.ID, "incarnation", dead.Incarnation, "fence", fence)
	if err == nil {
		logger.Info("cleaning up after a dead node")
		err = c.runHooks(ctx, dead, fence)
	}
	if err == nil {
		err = c.done(ctx, dead, fence)
	}
	if err != nil {
		m.unclean.Inc()
		logger.Warn("cleanup failed, to be tried again", "err", err)
		return
	}
	m.cleaned.Inc()
	logger.Info("cleaned up after a dead node")
}

func (c *cleaner) claim(ctx context.Context, cl Claim) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.agent.cfg.Every/2)
	defer cancel()
	fence, err := c.agent.cfg.Registry.Claim(ctx, cl)
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	if fence > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.won = append(c.won, cl.Dead)
	}
	return fence, nil
}

func (c *cleaner) runHooks(ctx context.Context, dead Member, fence uint64) error {
	c.mu.Lock()
	hooks := c.hooks
	c.mu.Unlock()
	for _, hook := range hooks {
		if err := isolated(func() error { return hook(ctx, dead, fence) }); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// done reports it, as often as it takes while the claim lasts.
func (c *cleaner) done(ctx context.Context, dead Member, fence uint64) error {
	every := c.agent.cfg.Every
	for {
		err := c.doneOnce(ctx, dead, fence, every/2)
		if err == nil || errors.Is(err, ErrNotHeld) {
			return err
		}
		again, free := after(jitter(every / 2))
		select {
		case <-again:
		case <-ctx.Done():
		}
		free()
		if ctx.Err() != nil {
			return err
		}
	}
}

func (c *cleaner) doneOnce(ctx context.Context, dead Member, fence uint64, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.agent.cfg.Registry.Done(ctx, dead, fence)
}
