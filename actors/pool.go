package actors

import (
	"context"
	"sync"
)

// parkedWorkers is how many goroutines wait for the next actor to wake. A
// goroutine that is used again has grown its stack already; a new one copies its
// stack while it grows, which costs more than handling a message.
const parkedWorkers = 64

// A task is what a worker runs: an actor that woke, or work given to Context.Go.
type task interface{ run() }

// A pool runs tasks on goroutines that it uses again. It never refuses one and
// never makes one wait: without a parked worker it starts another.
type pool struct {
	mu      sync.Mutex
	parked  []chan task // the last parked is the next used, while its stack is in cache
	workers int
	closed  bool
	ended   chan struct{} // closed when the pool is and its last worker has gone
}

func newPool() *pool {
	return &pool{ended: make(chan struct{})}
}

// submit runs t on a worker soon. It also works while the pool closes.
func (p *pool) submit(t task) {
	p.mu.Lock()
	if n := len(p.parked); n > 0 {
		w := p.parked[n-1]
		p.parked = p.parked[:n-1]
		p.mu.Unlock()
		w <- t // has room: a parked worker's channel is empty
		return
	}
	p.workers++
	p.mu.Unlock()
	go p.work(t)
}

func (p *pool) work(t task) {
	defer p.leave() // also when a task ends the goroutine
	var inbox chan task
	for ok := true; ok; {
		t.run()
		t = nil
		if inbox == nil {
			inbox = make(chan task, 1)
		}
		if !p.park(inbox) {
			return
		}
		t, ok = <-inbox
	}
}

func (p *pool) park(inbox chan task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.parked) >= parkedWorkers {
		return false
	}
	p.parked = append(p.parked, inbox)
	return true
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers--
	p.endIfIdle()
}

func (p *pool) endIfIdle() {
	if !p.closed || p.workers > 0 {
		return
	}
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
}

// close sends the parked workers home and waits for the others, or for ctx.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	for _, w := range p.parked {
		close(w)
	}
	p.parked = nil
	p.endIfIdle()
	p.mu.Unlock()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
