package actors

import (
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A guardian is the protoactor strategy over all actors of all kinds. protoactor
// suspends the mailbox of an actor that panicked and asks the guardian, on that
// actor's goroutine, what is to become of it; the cell itself, handed over as the
// failing message, knows.
type guardian struct {
	_ byte // not zero-sized: protoactor tells strategies apart by their address
}

type supervised interface{ supervise() }

// HandleFailure implements actor.SupervisorStrategy.
func (*guardian) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, _ *actor.PID,
	_ *actor.RestartStatistics, _ any, message any) {
	if c, ok := message.(supervised); ok {
		c.supervise()
	}
}

// fail is called when the actor's code panicked with value, or ended its
// goroutine (nil).
func (c *cell[M]) fail(value any) {
	if value == nil {
		value = errGoexit
	}
	err := c.keeper.panicked(c.key, value)
	c.mu.Lock()
	gone := c.phase == ended
	c.mu.Unlock()
	if gone {
		return
	}
	if m, ok := c.takeInHand(); ok {
		c.refuse(m, err)
	}
	c.invoker.EscalateFailure(err, c)
}

// supervise decides what follows a panic: a restart after a while, or the end.
// The restart resumes the mailbox rather than making a new actor, since the state
// is to survive; c.restart starts the behavior again.
func (c *cell[M]) supervise() {
	c.mu.Lock()
	if c.intake == shut { // being stopped already
		c.mu.Unlock()
		return
	}
	delay, again := c.extra().failures.add(time.Now(), c.keeper.patience)
	if again {
		c.extras.restart = time.AfterFunc(delay, func() { c.PostSystemMessage(&actor.ResumeMailbox{}) })
	}
	c.mu.Unlock()
	if !again {
		c.keeper.unlistFailed(c)
	}
}

// panicked counts and logs a panic and wraps it. The key appears in the trace
// only, the value never.
func (k *Keeper[M]) panicked(key string, value any) *PanicError {
	err := &PanicError{Kind: k.kind.Name, Key: key, Value: value, Stack: debug.Stack()}
	k.metrics.panics.Inc()
	k.system.log.Error("actor panicked", slog.String("kind", k.kind.Name),
		slog.String("err", err.Error()), slog.String("stack", string(err.Stack)))
	k.trace("actor panicked", key)
	return err
}
