package breaker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// A Breaker watches one backend. Its methods may be called from any goroutine.
type Breaker struct {
	options Options
	system  *actors.System
	keeper  *actors.Keeper[event]
	metrics *metrics

	state atomic.Uint32 // a State, for those that only look
	calm  atomic.Bool   // healthy without failures: a success changes nothing

	mu        sync.Mutex // makes transitions and their announcements one step
	machine   machine
	reason    string // of the last failure
	listeners listeners
}

// New returns a healthy Breaker of the system, which closes it. It returns an
// error that names all faults of the options.
func New(s *actors.System, o Options) (*Breaker, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("breaker: options of %q: %w", o.Backend, err)
	}
	b := &Breaker{options: o, system: s, metrics: newMetrics(o.Registerer, o.Backend)}
	b.machine = machine{threshold: o.FailureThreshold, reset: max(o.ResetTimeout, 0), probe: o.ProbeTimeout}
	b.calm.Store(true)
	b.keeper = actors.NewKeeper(s, actors.Kind[event]{
		Name: "breaker", IdleAfter: -1,
		New: func(string) actors.Behavior[event] { return &teller{breaker: b} },
	})
	return b, nil
}

// Backend returns the name of what is watched.
func (b *Breaker) Backend() string { return b.options.Backend }

// State returns the present state; it is one atomic read.
func (b *Breaker) State() State { return State(b.state.Load()) }

// Reset makes the breaker healthy, whatever it was, and ends the outage.
func (b *Breaker) Reset() {
	b.step(func(now time.Time) { b.machine.heal(now) })
}

// Close stops the timer and tells the listeners nothing more, once those that
// are being told have returned, or ctx ends. The gate goes on working.
func (b *Breaker) Close(ctx context.Context) error { return b.keeper.Close(ctx) }

// Do calls f with a context that ends after timeout (0: with ctx only), unless
// the breaker refuses, and reports the outcome. It returns f's error or an
// *OpenError.
//
// When the context's deadline passes, the call is counted as a failure at that
// moment, even if f hangs on. Do runs f on the caller's goroutine and returns when
// f does; so f must heed its context. A panic of f passes through and counts as
// neither.
func (b *Breaker) Do(ctx context.Context, timeout time.Duration, f func(ctx context.Context) error) error {
	t, err := b.admit()
	if err != nil {
		return err
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var once sync.Once
	report := func(v verdict, err error) { once.Do(func() { b.report(t, v, err) }) }
	stop := context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			report(failed, ctx.Err())
		}
	})
	defer report(unclear, nil) // after a panic; otherwise the outcome is reported by then
	defer stop()
	err = f(ctx)
	report(b.options.judge(err), err)
	return err
}

// admit is the fast way in.
func (b *Breaker) admit() (ticket, error) {
	if b.State() == Healthy {
		return ordinary, nil
	}
	var t ticket
	var refusal *OpenError
	b.step(func(now time.Time) {
		var wait time.Duration
		var ok bool
		if t, wait, ok = b.machine.allow(now); !ok {
			refusal = &OpenError{b.options.Backend, b.machine.state, wait}
		}
	})
	if refusal != nil {
		b.metrics.rejected.Inc()
		return 0, refusal
	}
	return t, nil
}

func (b *Breaker) report(t ticket, v verdict, err error) {
	if v == succeeded && b.calm.Load() {
		return
	}
	b.step(func(now time.Time) {
		if v == failed {
			b.reason = b.options.Reason(err)
		}
		b.machine.report(now, t, v)
	})
}

// step changes the machine and announces what came of it before anyone can see
// the next change.
func (b *Breaker) step(change func(now time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(time.Now())
	moves := b.machine.moves
	b.machine.moves = moves[:0]
	for _, m := range moves {
		b.announce(m)
	}
	b.state.Store(uint32(b.machine.state))
	b.calm.Store(b.machine.state == Healthy && b.machine.failures == 0)
}

func (b *Breaker) announce(m move) {
	b.metrics.state.Set(float64(m.to))
	b.metrics.transitions[m.to].Inc()
	b.system.Announce(Health{b.options.Backend, m.to, m.outage, m.at})
	// A closed keeper has nobody to tell; a full one does not happen, as a
	// transition takes longer than telling it.
	_ = b.keeper.Tell(b.options.Backend, event{change: &Change{b.options.Backend, m.from, m.to, m.outage, m.at, b.reason}})
}
