package ratelimit

import (
	"context"
	"sync"
)

const (
	// maxBatch bounds the wants of one call of the Store, so that none blocks it for long.
	maxBatch = 256
	// maxCalls is how many calls of one line are under way at once: while the answer of one
	// is read, the Store works at the next.
	maxCalls = 3
	// maxLined bounds what waits in a line.
	maxLined = 65536
)

// A line gathers what the actors of a limit want of one Place, while calls are under way.
type line struct {
	l   *Limits
	lim *limit

	mu      sync.Mutex
	waiting []*take
	calls   int
	closed  bool
}

// add files a take, which is answered within Config.Timeout, or says why not.
func (n *line) add(t *take) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	if len(n.waiting) >= maxLined {
		return errOverloaded
	}
	n.waiting = append(n.waiting, t)
	if n.calls < maxCalls {
		n.calls++
		n.l.calls.Go(n.run)
	}
	return nil
}

// run calls the Store for as long as something waits.
func (n *line) run() {
	for batch := n.next(); len(batch) > 0; batch = n.next() {
		n.call(batch)
	}
}

// next gets takes off the line, or ends the run.
func (n *line) next() []*take {
	n.mu.Lock()
	defer n.mu.Unlock()
	count, wants := 0, 0
	for ; count < len(n.waiting); count++ {
		if wants += len(n.waiting[count].wants); wants > maxBatch {
			break
		}
	}
	batch := n.waiting[:count:count]
	if n.waiting = n.waiting[count:]; len(n.waiting) == 0 {
		n.waiting = nil
	}
	if count == 0 {
		n.calls--
	}
	return batch
}

// call asks for a batch and hands out the answers. What has waited for so long that the
// answer would come too late is not asked for.
func (n *line) call(batch []*take) {
	sent := n.l.clock()
	wants := make([]Want, 0, len(batch))
	asked := batch[:0]
	for _, t := range batch {
		if sent-t.since > int64(n.l.patience) {
			n.answer(t, outcome{err: errTimeout})
			continue
		}
		wants = append(wants, t.wants...)
		asked = append(asked, t)
	}
	if len(asked) == 0 {
		return
	}
	grants, err := n.ask(wants)
	if err == nil && len(grants) != len(wants) {
		err = errAnswer
	}
	for _, t := range asked {
		o := outcome{sent: sent, err: err}
		if err == nil {
			o.grants, grants = grants[:len(t.wants):len(t.wants)], grants[len(t.wants):]
		}
		n.answer(t, o)
	}
}

// answer tells the key's actor, whose mailbox may be full and who may be gone: then the
// callers are told all the same, and the actor finds out.
func (n *line) answer(t *take, o outcome) {
	t.outcome = o
	if err := t.from.Tell(t); err != nil {
		t.finish(n.lim, 0)
		t.dropped.Store(true)
		_ = t.from.Tell(&forget{}) // if that does not fit, it has enough to wake up for
	}
}

// ask survives a Store that panics: others wait for its answer.
func (n *line) ask(wants []Want) (grants []Grant, err error) {
	ctx, cancel := context.WithTimeout(n.l.ctx, n.l.patience)
	defer cancel()
	n.lim.metrics.batch.Observe(float64(len(wants)))
	defer func() {
		if r := recover(); r != nil {
			n.l.cfg.Logger.Error("store of limits panicked", "node", n.l.cfg.Node, "limit", n.lim.policy.Name)
			grants, err = nil, errStore
		}
	}()
	return n.l.cfg.Store.Take(ctx, n.lim.policy, wants)
}
