package redisconn

import (
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Bounds of one pipeline, and of what waits. A command that is larger goes alone.
const (
	maxPipeline      = 1024
	maxPipelineBytes = 1 << 20
	maxWaitingBytes  = 64 << 20
)

// A call is a command on its way. The lane owns it until done; a caller that
// leaves before does not touch it again.
type call struct {
	cmd   redis.Cmder
	size  int
	err   error
	done  chan struct{} // holds one
	state atomic.Uint32
}

// States of a call.
const (
	queued uint32 = iota
	taken         // it is sent
	left          // the caller went before that: it is not sent
)

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// A lane is a queue of calls and the few workers that take from it. A worker takes
// all that waits, sends it as one pipeline and waits for the answers; meanwhile
// the next calls gather. So pipelines grow with the load, and nobody waits for a timer.
// A caller may take the place of a worker that rests.
type lane struct {
	send   func(batch []*call) // answers each
	bound  int
	places int // how many pipelines may be under way

	mu      sync.Mutex
	filled  sync.Cond
	waiting []*call
	bytes   int // of all that waits
	running int // pipelines under way
	closed  bool

	workers sync.WaitGroup
}

func newLane(workers, bound int, send func([]*call)) *lane {
	l := &lane{send: send, bound: bound, places: workers}
	l.filled.L = &l.mu
	for range workers {
		l.workers.Go(l.work)
	}
	return l
}

// add queues a call, or says why not.
func (l *lane) add(c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if len(l.waiting) >= l.bound || l.bytes > 0 && l.bytes+c.size > maxWaitingBytes {
		return ErrOverloaded
	}
	l.waiting = append(l.waiting, c)
	l.bytes += c.size
	l.filled.Signal()
	return nil
}

func (l *lane) work() {
	var batch []*call
	for {
		batch = l.take(batch[:0])
		if len(batch) == 0 {
			return
		}
		l.send(batch)
		l.leave()
		clear(batch) // or the answers would live as long as the lane
	}
}

// take waits for calls and moves as many as fit into one pipeline. It returns
// none once the lane is closed.
func (l *lane) take(into []*call) []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && len(into) == 0 {
		for (len(l.waiting) == 0 || l.running >= l.places) && !l.closed {
			l.filled.Wait()
		}
		into = l.move(into)
	}
	if len(into) > 0 {
		l.running++
	}
	if len(l.waiting) > 0 {
		l.filled.Signal() // for a worker that waits
	}
	return into
}

// enter lets a caller send its own pipeline in a worker's place, if all rest and
// nothing waits. After it the caller leaves.
func (l *lane) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) > 0 || l.running > 0 {
		return false
	}
	l.running++
	return true
}

func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	switch {
	case l.closed:
		l.filled.Broadcast() // wait waits for the last one
	case len(l.waiting) > 0:
		l.filled.Signal()
	}
}

func (l *lane) move(into []*call) []*call {
	n, bytes := 0, 0
	for ; n < len(l.waiting) && len(into) < maxPipeline; n++ {
		c := l.waiting[n]
		if len(into) > 0 && bytes+c.size > maxPipelineBytes {
			break
		}
		l.bytes -= c.size
		if c.state.CompareAndSwap(queued, taken) {
			into = append(into, c)
			bytes += c.size
		}
	}
	rest := copy(l.waiting, l.waiting[n:])
	clear(l.waiting[rest:])
	l.waiting = l.waiting[:rest]
	return into
}

// close fails what waits. Workers end after the pipeline that they are at; wait
// waits for that.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.waiting {
		c.answer(ErrClosed)
	}
	l.waiting, l.bytes = nil, 0
	l.filled.Broadcast()
}

func (l *lane) wait() {
	l.workers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.running > 0 {
		l.filled.Wait()
	}
}

func (c *call) answer(err error) {
	c.err = err
	c.done <- struct{}{}
}
