package actors_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func TestTellsOfOneSenderComeInOrder(t *testing.T) {
	t.Parallel()
	var got []int
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
		p.onStop = func(p *probe, _ error) { got = p.handled }
	})
	want := make([]int, 5000)
	for i := range want {
		want[i] = i
		tell(t, k, "a", note{n: i})
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("handled %d messages out of order or not all", len(got))
	}
}

// The spawn window of protoactor: a PID is visible before its mailbox has its
// handlers. Here nobody can meet an actor in it, and New may take its time.
func TestTellWhileSpawning(t *testing.T) {
	t.Parallel()
	const senders, keys = 8, 300
	var handled atomic.Int64
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
		p.onStart = func(c *actors.Context[note], _ *probe) { c.Tell(note{}) }
		p.onHandle = func(*actors.Context[note], *probe, note) { handled.Add(1) }
	})
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := range keys {
				if err := k.Tell(strconv.Itoa(i), note{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if k.Len() != keys {
		t.Errorf("%d actors, want %d", k.Len(), keys)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := int64(keys * (senders + 1)); handled.Load() != want {
		t.Errorf("handled %d of %d", handled.Load(), want)
	}
}

// Two activations of a key never take messages at the same time: each message is
// numbered under a lock with its telling, so an activation that still handled
// after its successor began would show a number out of order.
func TestOneActivationPerKey(t *testing.T) {
	t.Parallel()
	s := start(t, actors.Config{})
	var handling, newest, activations atomic.Int64
	k := keep(t, s, actors.Kind[note]{IdleAfter: time.Hour, MaxQueue: 1 << 20}, func(p *probe) {
		activations.Add(1)
		p.onHandle = func(_ *actors.Context[note], _ *probe, m note) {
			if handling.Add(1) != 1 {
				t.Error("two activations handle at the same time")
			}
			if last := newest.Swap(int64(m.n)); last >= int64(m.n) {
				t.Errorf("message %d after %d", m.n, last)
			}
			handling.Add(-1)
		}
	})
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for activations.Load() < 500 {
				mu.Lock()
				n++
				tell(t, k, "one", note{n: n})
				if n%5 == 0 { // once it is idle, retire it against the next message
					n++
					if _, err := ask(t.Context(), k, "one", note{n: n}); err != nil {
						t.Error(err)
					}
					actors.Sweep(k, time.Duration(2*n)*time.Hour)
					actors.Sweep(k, time.Duration(2*n+1)*time.Hour)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestFullMailboxRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{MaxQueue: 3}, nil)
		hold := make(chan struct{})
		refused := 0
		tell(t, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold }})
		synctest.Wait()
		for i := range 3 {
			tell(t, k, "a", note{n: i})
		}
		if err := k.Tell("a", note{dead: func(error) { refused++ }}); !errors.Is(err, actors.ErrFull) {
			t.Errorf("fourth message: %v, want ErrFull", err)
		}
		if _, err := ask(t.Context(), k, "a", note{}); !errors.Is(err, actors.ErrFull) {
			t.Errorf("ask: %v, want ErrFull", err)
		}
		if alive, err := k.TellExisting("a", note{}); !alive || !errors.Is(err, actors.ErrFull) {
			t.Errorf("TellExisting: %v, %v", alive, err)
		}
		if took := k.Broadcast(note{}); took != 0 {
			t.Errorf("%d took the broadcast", took)
		}
		close(hold) // a spinning or blocked sender would have hung the bubble by now
		synctest.Wait()
		if err := k.Tell("a", note{}); err != nil || refused != 0 {
			t.Errorf("after the actor caught up: %v; Refuse called %d times although Tell said so", err, refused)
		}
	})
}

func TestOwnMessagesAreNotBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{MaxQueue: 2}, nil)
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			for range 10 {
				c.Tell(note{})
			}
		}})
		synctest.Wait()
		if n, err := ask(t.Context(), k, "a", note{}); n != 12 || err != nil {
			t.Errorf("handled %d, %v; want 12", n, err)
		}
	})
}

func TestTellExistingSpawnsNothing(t *testing.T) {
	t.Parallel()
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, nil)
	if alive, err := k.TellExisting("a", note{}); alive || err != nil || k.Len() != 0 {
		t.Errorf("nobody there: %v, %v, %d actors", alive, err, k.Len())
	}
	tell(t, k, "a", note{})
	if alive, err := k.TellExisting("a", note{}); !alive || err != nil {
		t.Errorf("alive: %v, %v", alive, err)
	}
	if n, _ := ask(t.Context(), k, "a", note{}); n != 3 {
		t.Errorf("handled %d, want 3", n)
	}
}

func TestRefOutlivesItsActivation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: time.Second}, func(p *probe) {
			p.onHandle = func(*actors.Context[note], *probe, note) { handled++ }
		})
		ref := k.Ref("a")
		if k.Len() != 0 || ref.Key() != "a" {
			t.Errorf("a Ref alone: %d actors, key %q", k.Len(), ref.Key())
		}
		for range 3 {
			if err := ref.Tell(note{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if k.Len() != 0 {
				t.Fatal("not retired")
			}
		}
		if handled != 3 {
			t.Errorf("handled %d of 3", handled)
		}
		_ = k.Close(t.Context())
		if err := ref.Tell(note{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := (actors.Ref[note]{}).Tell(note{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("zero Ref: %v", err)
		}
	})
}

func TestBroadcastReachesEveryActor(t *testing.T) {
	t.Parallel()
	var handled atomic.Int64
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
		p.onHandle = func(_ *actors.Context[note], _ *probe, m note) { handled.Add(int64(m.n)) }
	})
	if took := k.Broadcast(note{n: 1}); took != 0 {
		t.Errorf("%d took it of no actors", took)
	}
	for i := range 1000 {
		tell(t, k, strconv.Itoa(i), note{})
	}
	if took := k.Broadcast(note{n: 1}); took != 1000 {
		t.Errorf("%d took it, want 1000", took)
	}
	if keys := k.Keys(); len(keys) != 1000 || !slices.Contains(keys, "999") {
		t.Errorf("%d keys, want 1000", len(keys))
	}
	_ = k.Close(t.Context())
	if handled.Load() != 1000 {
		t.Errorf("%d handled it, want 1000", handled.Load())
	}
}

func TestFlushFollowsEachDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var flushed []int
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{MaxBatch: 10}, func(p *probe) {
			p.onFlush = func(_ *actors.Context[note], p *probe) { flushed = append(flushed, len(p.handled)) }
		})
		hold := make(chan struct{})
		tell(t, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold }})
		for range 24 {
			tell(t, k, "a", note{})
		}
		close(hold)
		synctest.Wait()
		tell(t, k, "a", note{})
		synctest.Wait()
		if want := []int{10, 20, 25, 26}; !slices.Equal(flushed, want) {
			t.Errorf("flushed after %v messages, want %v", flushed, want)
		}
	})
}

// A message whose type has a GetMessages method is one message; protoactor's own
// mailbox would deliver its parts and then the whole.
func TestBatchTypedMessageComesOnce(t *testing.T) {
	t.Parallel()
	got := make(chan any, 10)
	s := start(t, actors.Config{})
	k := actors.NewKeeper(s, actors.Kind[any]{Name: "any", New: func(string) actors.Behavior[any] { return sink{got} }})
	if err := k.Tell("a", batch{1, 2}); err != nil {
		t.Fatal(err)
	}
	_ = k.Close(t.Context())
	close(got)
	if m, ok := <-got; !ok || fmt.Sprint(m) != "[1 2]" {
		t.Errorf("got %v", m)
	}
	if m, ok := <-got; ok {
		t.Errorf("and then %v", m)
	}
}

type batch []any

func (b batch) GetMessages() []any { return b }

type sink struct{ got chan<- any }

func (sink) Start(*actors.Context[any])             {}
func (s sink) Handle(_ *actors.Context[any], m any) { s.got <- m }
func (sink) Flush(*actors.Context[any])             {}
func (sink) Stop(*actors.Context[any], error)       {}

func TestNewKeeperPanicsOnAMistake(t *testing.T) {
	t.Parallel()
	s := start(t, actors.Config{})
	fresh := func(string) actors.Behavior[note] { return &probe{} }
	for name, kind := range map[string]actors.Kind[note]{
		"no name":           {New: fresh},
		"no New":            {Name: "x"},
		"negative queue":    {Name: "x", New: fresh, MaxQueue: -1},
		"negative batch":    {Name: "x", New: fresh, MaxBatch: -1},
		"negative failures": {Name: "x", New: fresh, MaxFailures: -1},
		"idle time":         {Name: "x", New: fresh, IdleAfter: -2},
		"backoffs crossed":  {Name: "x", New: fresh, MinBackoff: 2, MaxBackoff: 1},
		"negative window":   {Name: "x", New: fresh, FailureWindow: -1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			actors.NewKeeper(s, kind)
		}()
	}
}
