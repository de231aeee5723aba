package lease

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// run renews until the agent stops, then waits for what it started.
func (a *Agent) run(wait time.Duration) {
	defer close(a.done)
	told := make(chan struct{})
	go func() {
		defer close(told)
		a.teller.run(a.ctx)
	}()
	for a.ctx.Err() == nil {
		expired, free := after(wait)
		select {
		case <-a.ctx.Done():
		case <-expired:
			wait, _ = a.renew(a.ctx)
		}
		free()
	}
	close(a.looped)
	a.endLife()
	a.cleaner.wait()
	<-told
}

// renew renews once and does what follows. It returns when to do so again. The
// error has been logged if the agent runs already.
func (a *Agent) renew(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Every/2)
	defer cancel()
	for _, m := range a.cleaner.takeWon() {
		a.state.won(m)
	}
	req := a.state.request()
	start := time.Now()
	v, err := a.cfg.Registry.Renew(ctx, req)
	if err != nil {
		a.state.failed()
		return a.retry(err), err
	}
	now := time.Now()
	if a.failures > 1 {
		a.logger.Info("lease renewed again", "attempts", a.failures)
	}
	a.failures = 0
	e := a.state.observe(start, now, v)
	a.metrics.observe(v, a.state.view)
	if !e.held {
		a.endLife() // what we claimed in that life is no longer ours to do
		a.life, a.endLife = context.WithCancel(a.ctx)
	}
	a.publish(e)
	for _, dead := range e.claims {
		a.cleaner.clean(a.life, dead, a.state.self)
	}
	return a.pace(e), nil
}

// pace is how long to wait until the next renewal.
func (a *Agent) pace(e effects) time.Duration {
	switch {
	case e.again:
		return jitter(a.cfg.Every / 8)
	case e.wait < a.cfg.Every:
		// Somebody's lease runs out. Those who watch should not all ask at once.
		return e.wait + rand.N(a.cfg.Every/8)
	}
	return e.wait - rand.N(a.cfg.Every/8)
}

// retry counts a failure and returns how long to wait.
func (a *Agent) retry(err error) time.Duration {
	a.metrics.failed.Inc()
	a.failures++
	if a.failures == 2 { // one alone is borne by every lease
		a.logger.Warn("lease not renewed", "err", err)
	}
	most := a.cfg.Every / 2
	return jitter(min(most, a.cfg.Every/8<<min(a.failures-1, 4)))
}

// jitter is d, or up to a quarter less.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/4+1) }

// publish shows the state, and tells what changed in the same step, so that a listener
// that comes now is told all once.
func (a *Agent) publish(e effects) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.view, a.seen, a.sure = a.state.view, a.state.seen, a.state.entitled()
	if e.held { // a life is shown when it has its lease, so that somebody cleans up after it
		a.self = a.state.self
	}
	a.others = slices.SortedFunc(maps.Values(a.state.known), compareMembers)
	for _, n := range e.notices {
		a.note(n)
		a.teller.notify(n)
	}
}

// note logs and counts.
func (a *Agent) note(n notice) {
	switch {
	case n.emptied:
		a.metrics.emptied.Inc()
		a.logger.Warn("backend was emptied")
	case n.lost != nil:
		a.metrics.lost.Inc()
		a.logger.Warn("lease was lost, registered anew", "old", n.lost[0].Incarnation, "new", n.lost[1].Incarnation)
	case n.change.Kind == Doubled:
		a.logger.Error("another process has this node's id", "address", n.change.Member.Address,
			"started", n.change.Member.Started, "incarnation", n.change.Member.Incarnation)
	default:
		if n.change.Kind == Died {
			a.metrics.deaths.Inc()
		}
		a.logger.Info("membership changed", "change", string(n.change.Kind), "member", n.change.Member.ID,
			"incarnation", n.change.Member.Incarnation)
	}
}
