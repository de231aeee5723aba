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
	waiting []*entry
	calls   int
}

// An entry is what one key wants. Its wants stay together.
type entry struct {
	wants []Want
	since int64
	done  chan outcome // has room for one
}

// take returns the answer when it is there, which is within Config.Timeout.
func (n *line) take(wants []Want) outcome {
	e := &entry{wants: wants, since: n.l.clock(), done: n.l.spares.dones.Get().(chan outcome)}
	if err := n.add(e); err != nil {
		return outcome{err: err}
	}
	o := <-e.done
	n.l.spares.dones.Put(e.done)
	return o
}

func (n *line) add(e *entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.l.closed.Load() {
		return ErrClosed
	}
	if len(n.waiting) >= maxLined {
		return errOverloaded
	}
	n.waiting = append(n.waiting, e)
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

// next takes entries off the line, or ends the run.
func (n *line) next() []*entry {
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
func (n *line) call(batch []*entry) {
	sent := n.l.clock()
	var wants []Want
	asked := batch[:0]
	for _, e := range batch {
		if sent-e.since > int64(n.l.patience) {
			e.done <- outcome{err: errTimeout}
			continue
		}
		wants = append(wants, e.wants...)
		asked = append(asked, e)
	}
	if len(asked) == 0 {
		return
	}
	grants, err := n.ask(wants)
	if err == nil && len(grants) != len(wants) {
		err = errAnswer
	}
	for _, e := range asked {
		o := outcome{sent: sent, err: err}
		if err == nil {
			o.grants, grants = grants[:len(e.wants):len(e.wants)], grants[len(e.wants):]
		}
		e.done <- o
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
