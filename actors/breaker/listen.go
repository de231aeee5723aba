package breaker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// Health is what a breaker announces to all actors of its system at each
// transition. An actor that was busy sees only the newest of each backend.
type Health struct {
	Backend string
	State   State
	Outage  uint64 // 0: there was none yet
	At      time.Time
}

// NoticeSubject implements actors.Subject: backends do not hide each other.
func (h Health) NoticeSubject() string { return "breaker/" + h.Backend }

// A Change is one transition.
//
// Outage numbers the outages from 1. The change from Healthy to Broken begins
// one, the change to Healthy ends it; those between, as probes fail, carry the
// same number.
type Change struct {
	Backend  string
	From, To State
	Outage   uint64
	At       time.Time
	Reason   string // what Options.Reason made of the last failure, "" if there was none
}

// Began reports whether the change begins an outage: the one to say degraded at.
func (c Change) Began() bool { return c.From == Healthy }

// Ended reports whether the change ends an outage: the one to say recovered at.
func (c Change) Ended() bool { return c.To == Healthy }

// OnChange calls f for every transition from now on, in order, one at a time.
// While f runs, other listeners of this breaker wait. The returned func ends
// that; a call that has begun goes on.
func (b *Breaker) OnChange(f func(Change)) (unsubscribe func()) {
	return b.listeners.add(f)
}

type listeners struct {
	mu  sync.Mutex
	all []*listener // replaced, never changed
}

type listener struct{ f func(Change) }

func (ls *listeners) add(f func(Change)) (remove func()) {
	l := &listener{f}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = append(slices.Clip(ls.all), l)
	return func() {
		ls.mu.Lock()
		defer ls.mu.Unlock()
		ls.all = slices.DeleteFunc(slices.Clone(ls.all), func(o *listener) bool { return o == l })
	}
}

func (ls *listeners) has(l *listener) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Contains(ls.all, l)
}

func (ls *listeners) snapshot() []*listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.all
}

// An event is the actor's message: a transition, or (nil) the end of ResetTimeout.
type event struct{ change *Change }

// A teller is the breaker's actor.
type teller struct {
	breaker *Breaker
	stop    func() // of the timer
}

// Start implements actors.Behavior.
func (t *teller) Start(*actors.Context[event]) {}

// Flush implements actors.Behavior.
func (t *teller) Flush(*actors.Context[event]) {}

// Stop implements actors.Behavior.
func (t *teller) Stop(*actors.Context[event], error) {}

// Handle implements actors.Behavior.
func (t *teller) Handle(c *actors.Context[event], e event) {
	b := t.breaker
	if e.change == nil {
		b.step(b.machine.tick)
		return
	}
	if t.stop != nil {
		t.stop()
	}
	if e.change.To == Broken {
		t.stop = c.After(time.Until(e.change.At.Add(max(b.options.ResetTimeout, 0))), event{})
	}
	level := slog.LevelDebug // probes that fail, again and again
	switch {
	case e.change.Began():
		level = slog.LevelWarn
	case e.change.Ended():
		level = slog.LevelInfo
	}
	b.options.Logger.Log(context.Background(), level, "backend state changed", "backend", e.change.Backend,
		"from", e.change.From.String(), "state", e.change.To.String(),
		"outage", e.change.Outage, "reason", e.change.Reason)
	for _, l := range b.listeners.snapshot() {
		if b.listeners.has(l) { // not one that another listener has just removed
			t.tell(l, *e.change)
		}
	}
}

func (t *teller) tell(l *listener, c Change) {
	defer func() {
		if v := recover(); v != nil {
			t.breaker.options.Logger.Error("breaker listener panicked",
				"backend", c.Backend, "err", fmt.Sprintf("panic of type %T", v))
		}
	}()
	l.f(c)
}
