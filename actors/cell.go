package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Phases of a cell.
const (
	cold    uint8 = iota // protoactor is still spawning it: it must not run
	resting              // no worker has it
	running              // a worker has it, or will have it soon
	ended                // Stop was called; nothing runs any more
)

// Intakes of a cell. They only grow.
const (
	open   uint8 = iota // takes everything
	sealed              // the keeper closes: takes only what the actor tells itself
	shut                // takes nothing
)

// A signal is what the mailbox makes protoactor hand to the actor in place of
// the typed messages, which the actor then pulls by itself.
type signal uint8

const (
	signalDrain signal = iota
	signalRestart
	signalPassivate
)

// A cell is one activation: mailbox and actor to protoactor, host to a Behavior.
// One struct, so that an idle actor costs one allocation beside its behavior.
//
// The lock of its shard is taken before mu, never after.
type cell[M any] struct {
	// Static once protoactor has started it.
	keeper  *Keeper[M]
	key     string
	invoker actor.MessageInvoker
	self    Context[M]

	// Owned by whoever runs the cell; by a holder of mu while it rests.
	behavior  Behavior[M]
	cur       []M // in hand
	pos       int // next of cur
	seen      uint64
	restarts  int32
	unflushed int32
	handling  bool // cur[pos-1] is being handled

	// Guarded by mu; the small ones sit beside handling to save room.
	phase     uint8
	intake    uint8
	suspended bool // between a panic and the restart
	asked     bool // the sweeper found it idle
	work      int32
	mu        sync.Mutex
	in        []M // waiting
	system    []any
	reason    error // why intake is shut
	extras    *extras[M]

	urgent atomic.Bool // system is not empty; read between messages

	// For the sweeper.
	touched   atomic.Bool   // ran since the last sweep
	idleAfter atomic.Int64  // overrules Kind.IdleAfter unless 0
	idleSince time.Duration // owned by the sweeper, on its clock
}

// extras is what few actors need.
type extras[M any] struct {
	alarms   map[*alarm[M]]struct{}
	failures failures
	restart  *time.Timer
}

// extra returns the extras. The caller holds mu.
func (c *cell[M]) extra() *extras[M] {
	if c.extras == nil {
		c.extras = new(extras[M])
	}
	return c.extras
}

// Receive is protoactor's way in.
func (c *cell[M]) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case signal:
		switch msg {
		case signalDrain:
			c.drain()
		case signalRestart:
			c.restart()
		case signalPassivate:
			c.passivate()
		}
	case *actor.Started:
		c.start()
	case *actor.Stopped:
		c.stop()
	}
}

func (c *cell[M]) start() {
	if c.behavior == nil {
		c.behavior = c.keeper.kind.New(c.key)
	}
	c.behavior.Start(&c.self)
}

func (c *cell[M]) restart() {
	c.restarts++
	c.unflushed = max(c.unflushed, 1) // the batch in hand may be the one that panicked half written
	c.keeper.metrics.restarts.Inc()
	c.keeper.trace("actor restarted", c.key)
	c.start()
}

// passivate is the first of two steps; protoactor stopping the actor is the second.
func (c *cell[M]) passivate() {
	if p, ok := c.behavior.(Passivator); ok && !p.MayPassivate() {
		return
	}
	if c.keeper.unlistIfIdle(c) {
		c.keeper.metrics.passivated.Inc()
		c.keeper.trace("actor passivated", c.key)
	}
}

// stop runs inside protoactor's own stopping, so nothing here may panic.
func (c *cell[M]) stop() {
	c.keeper.unlist(c)
	c.mu.Lock()
	c.phase, c.intake = ended, shut
	if c.reason == nil {
		c.reason = ErrClosed
	}
	rest := append(c.cur[c.pos:len(c.cur):len(c.cur)], c.in...)
	c.in, c.cur, c.pos, c.system = nil, nil, 0, nil
	c.extras.cancel()
	c.extras = nil
	c.mu.Unlock()

	defer c.bury(rest)
	c.guard(func() {
		if c.behavior != nil {
			c.behavior.Stop(&c.self, c.reason)
		}
	})
}

// bury refuses what was left in the queue and lets the keeper forget the actor.
func (c *cell[M]) bury(rest []M) {
	for _, m := range rest {
		c.refuse(m, c.reason)
	}
	c.behavior = nil // a Ref may hold on to the cell
	c.keeper.trace("actor stopped", c.key)
	c.keeper.metrics.alive.Dec()
	c.keeper.census.remove()
}

// refuse ends a message that was taken and will not be handled.
func (c *cell[M]) refuse(m M, err error) {
	if _, ok := err.(*PanicError); ok {
		c.keeper.metrics.deadPanicked.Inc()
	} else {
		c.keeper.metrics.dead(err).Inc()
	}
	if r, ok := any(m).(Refuser); ok {
		c.guard(func() { r.Refuse(err) })
	}
}

// guard runs code of the embedding program where a panic has nobody left to
// restart: it is counted, logged, and goes no further.
func (c *cell[M]) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			c.keeper.panicked(c.key, v)
		}
	}()
	f()
}

// cancel stops the timers. The caller holds the cell's mu.
func (x *extras[M]) cancel() {
	if x == nil {
		return
	}
	if x.restart != nil {
		x.restart.Stop()
	}
	for a := range x.alarms {
		a.timer.Stop()
	}
}
