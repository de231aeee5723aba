package actors

import (
	"github.com/asynkron/protoactor-go/actor"
)

// keptSlots is how large a queue an actor keeps when it comes to rest. The
// sweeper takes that too from an actor that goes on resting.
const keptSlots = 32

var stopMessage = &actor.Stop{}

// post is the hot path of Tell: one lock and one append.
func (c *cell[M]) post(m M) error {
	c.mu.Lock()
	if c.intake != open {
		c.mu.Unlock()
		return errRetired
	}
	if len(c.in) >= c.keeper.kind.MaxQueue {
		c.mu.Unlock()
		c.keeper.metrics.refused.Inc()
		return ErrFull
	}
	c.in = append(c.in, m)
	c.kick()
	c.mu.Unlock()
	return nil
}

// postOwn takes what the actor tells itself, also while the keeper closes and
// whatever the queue holds. It reports false when the actor has stopped.
func (c *cell[M]) postOwn(m M) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake == shut {
		return false
	}
	c.in = append(c.in, m)
	c.kick()
	return true
}

// kick wakes a resting cell that may run. The caller holds mu.
func (c *cell[M]) kick() {
	if c.phase == resting && (!c.suspended || len(c.system) > 0) {
		c.phase = running
		c.keeper.system.pool.wake(c)
	}
}

// push queues a system message, which overtakes all others. The caller holds mu.
func (c *cell[M]) push(msg any) {
	if c.phase == ended {
		return
	}
	c.system = append(c.system, msg)
	c.urgent.Store(true)
	c.kick()
}

// RegisterHandlers implements actor.Mailbox. The dispatcher is not used: cells
// run on their system's pool.
func (c *cell[M]) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	c.invoker = invoker
}

// Start implements actor.Mailbox. Until protoactor calls it the cell stays cold
// whatever is posted, which closes the window in which a spawning actor has no
// invoker.
func (c *cell[M]) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == cold {
		c.phase = resting
		c.kickIfAny()
	}
}

func (c *cell[M]) kickIfAny() {
	if len(c.system)+len(c.in) > 0 {
		c.kick()
	}
}

// PostSystemMessage implements actor.Mailbox.
func (c *cell[M]) PostSystemMessage(msg any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(msg)
}

// PostUserMessage implements actor.Mailbox. Messages do not come this way, as
// nobody is given a PID; one that does is a dead letter.
func (c *cell[M]) PostUserMessage(any) {
	c.keeper.system.metrics.unaddressed.Inc()
}

// UserMessageCount implements actor.Mailbox.
func (c *cell[M]) UserMessageCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in)
}

// run is a worker's turn with the cell, until it rests.
func (c *cell[M]) run() {
	finished := false
	defer func() {
		if !finished { // a behavior ended this goroutine: go on with another
			c.keeper.system.pool.wake(c)
		}
	}()
	for c.step() {
	}
	finished = true
}

// step runs the cell until it rests or panics; after a panic it is to be called
// again, as supervision has suspended, restarted or stopped the actor.
func (c *cell[M]) step() (again bool) {
	returned := false
	defer func() {
		if !returned {
			c.fail(recover())
			again = true
		}
	}()
	c.turn()
	returned = true
	return false
}

// turn does what there is to do, the most urgent first.
func (c *cell[M]) turn() {
	c.mu.Lock()
	for c.phase == running {
		switch {
		case len(c.system) > 0:
			msg := c.pop()
			c.mu.Unlock()
			c.obey(msg)
			c.mu.Lock()
		case c.suspended:
			c.phase = resting
		case c.pos < len(c.cur) || len(c.in) > 0 || c.unflushed > 0:
			c.invoke(signalDrain)
		case c.intake == sealed && c.work == 0:
			c.intake = shut
			c.push(stopMessage)
		case c.asked:
			c.asked = false
			c.invoke(signalPassivate)
		default:
			c.rest()
		}
	}
	c.mu.Unlock()
}

// invoke lets protoactor hand sig to the actor, without mu meanwhile. A panic
// leaves with mu unlocked.
func (c *cell[M]) invoke(sig signal) {
	c.mu.Unlock()
	c.invoker.InvokeUserMessage(sig)
	c.mu.Lock()
}

func (c *cell[M]) pop() any {
	msg := c.system[0]
	c.system = c.system[1:]
	if len(c.system) == 0 {
		c.system = nil
		c.urgent.Store(false)
	}
	return msg
}

func (c *cell[M]) obey(msg any) {
	switch msg.(type) {
	case *actor.SuspendMailbox:
		c.suspend(true)
	case *actor.ResumeMailbox:
		c.suspend(false)
		c.invoker.InvokeUserMessage(signalRestart)
	default:
		c.invoker.InvokeSystemMessage(msg)
	}
}

func (c *cell[M]) suspend(yes bool) {
	c.mu.Lock()
	c.suspended = yes
	c.mu.Unlock()
}

// rest lets go of large queues. The caller holds mu and has handled everything.
func (c *cell[M]) rest() {
	c.phase = resting
	c.touched.Store(true)
	if cap(c.cur) > keptSlots {
		c.cur = nil
	}
	if cap(c.in) > keptSlots {
		c.in = nil
	}
	c.cur, c.pos = c.cur[:0], 0
}
