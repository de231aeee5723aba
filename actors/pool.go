package actors

import (
	"context"
	"sync"
)

// parkedWorkers is how many goroutines wait for the next actor to wake. A
// goroutine that is used again has grown its stack already; a new one copies its
// stack while it grows, which costs more than handling a message.
const parkedWorkers = 64

// maxAwake is how many actors are run at once; others that wake wait their turn.
// So a burst for 100,000 actors does not make as many stacks. It is far above the
// number of processors because a behavior may wait, though it should not.
const maxAwake = 1024

// A task is what a worker runs: an actor that woke, or work given to Context.Go.
type task interface{ run() }

// A pool runs tasks on goroutines that it uses again. It never refuses one, and
// work never waits for a goroutine.
type pool struct {
	mu      sync.Mutex
	parked  []chan shift // the last parked is the next used, while its stack is in cache
	workers int
	awake   int   // actors being run
	waiting queue // actors that wait for others to rest
	closed  bool
	ended   chan struct{} // closed when the pool is and its last worker has gone
}

// A shift is a task and whether it is an actor.
type shift struct {
	task  task
	actor bool
}

func newPool() *pool {
	return &pool{ended: make(chan struct{})}
}

// wake runs an actor on a worker soon. It also works while the pool closes.
func (p *pool) wake(t task) {
	p.mu.Lock()
	if p.awake >= maxAwake {
		p.waiting.push(t)
		p.mu.Unlock()
		return
	}
	p.awake++
	p.start(shift{t, true})
}

// submit runs work on a worker at once. It also works while the pool closes.
func (p *pool) submit(t task) {
	p.mu.Lock()
	p.start(shift{t, false})
}

// start hands j to a worker and unlocks mu.
func (p *pool) start(j shift) {
	if n := len(p.parked); n > 0 {
		w := p.parked[n-1]
		p.parked = p.parked[:n-1]
		p.mu.Unlock()
		w <- j // has room: a parked worker's channel is empty
		return
	}
	p.workers++
	p.mu.Unlock()
	go p.work(j)
}

// work runs tasks until there is nothing to do and enough workers are parked.
func (p *pool) work(j shift) {
	returned := false
	defer func() {
		if !returned { // the task ended this goroutine
			if next, ok := p.next(j, nil); ok {
				p.mu.Lock()
				p.start(next)
			}
		}
		p.leave()
	}()
	inbox := make(chan shift, 1)
	for ok := true; ok; {
		j.task.run()
		if j, ok = p.next(j, inbox); ok && j.task == nil {
			j, ok = <-inbox
		}
	}
	returned = true
}

// next is called when done has run. It returns the actor that waited longest if
// one may run now. Else it parks the worker with this inbox, and returns true with
// no task; or false, and the worker is to go.
func (p *pool) next(done shift, inbox chan shift) (shift, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done.actor {
		p.awake--
	}
	if p.awake < maxAwake {
		if t := p.waiting.pop(); t != nil {
			p.awake++
			return shift{t, true}, true
		}
	}
	if inbox == nil || p.closed || len(p.parked) >= parkedWorkers {
		return shift{}, false
	}
	p.parked = append(p.parked, inbox)
	return shift{}, true
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

// A queue holds tasks in the order they came. An actor is in it once at most.
type queue struct {
	tasks []task
	head  int
}

func (q *queue) push(t task) {
	if q.head > 1024 && q.head > len(q.tasks)/2 { // it never ran empty
		n := copy(q.tasks, q.tasks[q.head:])
		clear(q.tasks[n:])
		q.tasks, q.head = q.tasks[:n], 0
	}
	q.tasks = append(q.tasks, t)
}

// pop returns nil when the queue is empty.
func (q *queue) pop() task {
	if q.head == len(q.tasks) {
		return nil
	}
	t := q.tasks[q.head]
	q.tasks[q.head] = nil
	if q.head++; q.head == len(q.tasks) {
		q.tasks, q.head = nil, 0
	}
	return t
}
