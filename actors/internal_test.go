package actors

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	p := patience{minBackoff: 10, maxBackoff: 100, window: time.Minute, limit: 5}
	for _, tt := range []struct {
		name string
		at   []time.Duration // of the panics
		want []time.Duration // delays; -1 is the end
	}{
		{"doubles", []time.Duration{0, 1, 2, 3}, []time.Duration{10, 20, 40, 80}},
		{"one too many", []time.Duration{0, 1, 2, 3, 4}, []time.Duration{10, 20, 40, 80, -1}},
		{"starts over after a window without", []time.Duration{0, 1, time.Minute + 1}, []time.Duration{10, 20, 10}},
		{"goes on inside the window", []time.Duration{0, 1, time.Minute}, []time.Duration{10, 20, 40}},
		{"capped", []time.Duration{0, 40e9, 80e9, 120e9, 160e9, 200e9}, []time.Duration{10, 20, 40, 80, 100, 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var f failures
			for i, at := range tt.at {
				d, again := f.add(time.Unix(0, 0).Add(at), p)
				if !again {
					d = -1
				}
				if d != tt.want[i] {
					t.Errorf("panic %d: %d, want %d", i, d, tt.want[i])
				}
				if len(f.times) > p.limit {
					t.Errorf("%d times kept, limit %d", len(f.times), p.limit)
				}
			}
		})
	}
}

type taskFunc func()

func (f taskFunc) run() { f() }

func TestPoolUsesWorkersAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool()
		for range 100 {
			p.submit(taskFunc(func() {}))
			synctest.Wait()
		}
		if p.workers != 1 {
			t.Errorf("%d workers for 100 tasks one after the other", p.workers)
		}
		var wg sync.WaitGroup
		hold := make(chan struct{})
		for range 1000 { // none waits for another
			wg.Add(1)
			p.submit(taskFunc(func() { wg.Done(); <-hold }))
		}
		wg.Wait()
		close(hold)
		synctest.Wait()
		if p.workers != parkedWorkers || len(p.parked) != parkedWorkers {
			t.Errorf("%d workers, %d parked, want %d", p.workers, len(p.parked), parkedWorkers)
		}
		stay := make(chan struct{})
		p.submit(taskFunc(func() { <-stay }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.close(ctx); err == nil {
			t.Error("closed while a task ran")
		}
		close(stay)
		if err := p.close(t.Context()); err != nil || p.workers != 0 {
			t.Errorf("close: %v, %d workers left", err, p.workers)
		}
		p.submit(taskFunc(func() {})) // still runs, and leaves nothing
		synctest.Wait()
		if p.workers != 0 {
			t.Errorf("%d workers after a late task", p.workers)
		}
	})
}

// A burst for many actors makes no more stacks than maxAwake, runs each in the
// order it woke, and work is not held up by it.
func TestPoolBoundsAwakeActors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool()
		hold := make(chan struct{})
		for range maxAwake {
			p.wake(taskFunc(func() { <-hold }))
		}
		ran, worked := 0, false
		var last int
		for i := range 3000 {
			p.wake(taskFunc(func() {
				if ran++; i < last {
					t.Errorf("%d after %d", i, last)
				}
				last = i
				if i%100 == 0 {
					runtime.Goexit()
				}
			}))
		}
		p.submit(taskFunc(func() { worked = true }))
		synctest.Wait()
		if ran != 0 || !worked || p.workers != maxAwake+1 {
			t.Errorf("%d ran of those that wait, work done: %v, %d workers", ran, worked, p.workers)
		}
		hold <- struct{}{} // one place: what waits runs through it one by one
		synctest.Wait()
		if ran != 3000 {
			t.Errorf("%d of 3000 ran", ran)
		}
		close(hold)
		if err := p.close(t.Context()); err != nil || p.awake != 0 {
			t.Errorf("close: %v, %d awake", err, p.awake)
		}
	})
}

func TestQueueGivesBackWhatItPassed(t *testing.T) {
	t.Parallel()
	var q queue
	got := -1
	next := 0
	for i := range 100_000 {
		q.push(taskFunc(func() { got = i }))
		if i < 2000 {
			continue
		}
		if q.pop().run(); got != next {
			t.Fatalf("popped %d, want %d", got, next)
		}
		next++
	}
	if cap(q.tasks) > 20_000 {
		t.Errorf("room for %d, though 2000 wait", cap(q.tasks))
	}
	for q.pop() != nil {
		next++
	}
	if next != 100_000 {
		t.Errorf("popped %d", next)
	}
}

// What should never be sent is counted, not printed.
func TestProtoactorsDeadLettersAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem(Config{})
		s.core.Root.Send(actor.NewPID("nonhost", "nobody"), "hunter2")
		k := NewKeeper(s, Kind[int]{Name: "x", New: func(string) Behavior[int] { return quiet{} }})
		if err := k.Tell("a", 1); err != nil {
			t.Fatal(err)
		}
		k.find("a").PostUserMessage("by PID")
		if n := k.find("a").UserMessageCount(); n > 1 {
			t.Errorf("%d messages wait", n)
		}
		if n := testutil.ToFloat64(s.metrics.unaddressed); n != 2 {
			t.Errorf("counted %v, want 2", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second) // protoactor's throttle of dead letters ends
	})
}

type quiet struct{}

func (quiet) Start(*Context[int])       {}
func (quiet) Handle(*Context[int], int) {}
func (quiet) Flush(*Context[int])       {}
func (quiet) Stop(*Context[int], error) {}
