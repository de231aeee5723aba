package roster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/topic/roster"
)

func mustJoin(t *testing.T, n *node, receiver any, key, value string) {
	t.Helper()
	if err := n.join(receiver, key, value); err != nil {
		t.Errorf("join %s: %v", key, err)
	}
}

func TestHoles(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults membus.Faults
		loads  int
	}{
		{"lost", membus.Faults{Drop: 1}, 1},
		{"late", membus.Faults{Delay: 20 * time.Millisecond}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
				a, b := r.nodes["a"], r.nodes["b"]
				w := b.watch()
				w.heard("in", "state ")
				before := b.port.count("load")
				r.bus.SetFaults(c.faults)
				mustJoin(t, a, 1, "ann", "1")
				r.bus.SetFaults(membus.Faults{})
				mustJoin(t, a, 2, "bob", "2")
				pause(200 * time.Millisecond)
				if c.loads > 0 {
					w.heard("state ann=1 bob=2")
				} else {
					w.heard("diff +ann=1", "diff +bob=2")
				}
				if got := b.port.count("load") - before; got != c.loads {
					t.Errorf("%d loads, want %d", got, c.loads)
				}
			})
		})
	}
}

// The last frame of all is lost: the look finds it.
func TestLastFrameLost(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		w := r.nodes["b"].watch()
		r.bus.SetFaults(membus.Faults{Drop: 1})
		mustJoin(t, r.nodes["a"], 1, "ann", "1")
		pause(roster.DefaultCheckEvery * 5 / 4)
		w.heard("in", "state ", "state ann=1")
	})
}

func TestForeignEpoch(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		mustJoin(t, a, 1, "ann", "1")
		mustJoin(t, b, 1, "bob", "2")
		w := b.watch()
		r.store.Empty()
		mustJoin(t, a, 2, "cat", "3")
		pause(time.Second)
		r.has("ann=1 bob=2 cat=3")
		b.lists("ann=1 bob=2 cat=3")
		w.sees("ann=1 bob=2 cat=3")
	})
}

// A second epoch on a roster that is empty is told as a state: its versions begin anew.
func TestSecondEpochIsAState(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		w := r.nodes["b"].watch()
		mustJoin(t, r.nodes["a"], 1, "ann", "1")
		r.nodes["a"].leave(1)
		w.heard("in", "state ", "diff +ann=1", "diff -ann")
		r.store.Empty()
		mustJoin(t, r.nodes["a"], 1, "ann", "1")
		w.heard("state ann=1")
	})
}

// A roster that could not be read anew is read when the store answers again.
func TestFailedRereadIsMadeUpFor(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		w := r.nodes["b"].watch()
		mustJoin(t, r.nodes["a"], 1, "ann", "1")
		w.heard("in", "state ", "diff +ann=1")
		r.nodes["b"].port.down(errDown)
		r.bus.SetFaults(membus.Faults{Drop: 1})
		mustJoin(t, r.nodes["a"], 2, "bob", "2")
		r.bus.SetFaults(membus.Faults{})
		mustJoin(t, r.nodes["a"], 3, "cat", "3")
		pause(100 * time.Millisecond)
		r.nodes["b"].port.down(nil)
		pause(2 * time.Second)
		w.heard("state ann=1 bob=2 cat=3")
	})
}

// A version that never was is asked for once, not for ever.
func TestForgedVersionIsNotAwaited(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		w := r.nodes["b"].watch()
		mustJoin(t, r.nodes["a"], 1, "ann", "1")
		s, _ := r.store.Check(t.Context(), "__r:x")
		frame := roster.AppendChange(nil, s.Epoch, 1<<40, []roster.Change{{Key: "evil", Value: []byte("1")}})
		if err := r.bus.Node("c").Publish(t.Context(), "__r:x", frame); err != nil {
			t.Fatal(err)
		}
		before := r.nodes["b"].port.count("load")
		pause(10 * time.Second)
		if got := r.nodes["b"].port.count("load") - before; got != 1 {
			t.Errorf("%d loads", got)
		}
		mustJoin(t, r.nodes["a"], 2, "bob", "2")
		w.heard("in", "state ", "diff +ann=1", "diff +bob=2")
	})
}

// The call takes effect, and nobody hears of it.
func TestAnswersLost(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 0, "old", "0")
		a.port.set(nil, func(what string) error {
			if what == "apply" {
				return errDown
			}
			return nil
		})
		if err := a.join(1, "ann", "1"); !errors.Is(err, roster.ErrUnavailable) || !errors.Is(err, errDown) {
			t.Errorf("join: %v", err)
		}
		done := make(chan error, 1)
		lasting := roster.Session{Receiver: 2, Key: "bob", Value: []byte("2"), Lasting: true}
		if err := a.Post("x", lasting, func(err error) { done <- err }); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("a lasting session: %v", err)
		}
		a.leave(0)
		a.port.down(nil)
		pause(2 * time.Second)
		r.has("bob=2")
		r.nodes["b"].lists("bob=2")
	})
}

func TestHangingStore(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		a.port.hang()
		at := time.Now()
		if err := a.join(1, "ann", "1"); !errors.Is(err, roster.ErrUnavailable) || time.Since(at) > roster.DefaultTimeout {
			t.Errorf("join: %v after %v", err, time.Since(at))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Read(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if err := a.Join(ctx, "x", roster.Session{Receiver: 2, Key: "bob", Value: []byte("2")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("join with little time: %v", err)
		}
		a.port.down(nil)
		pause(10 * time.Second)
		r.has("")
	})
}

// Both backends are down in different ways: nothing runs in circles.
func TestNoCircles(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		r.bus.Fail(errDown)
		defer r.bus.Fail(nil)
		a.port.hang()
		for i := range 3 {
			if err := a.Post("x", roster.Session{Receiver: i, Key: fmt.Sprint(i), Value: []byte("1"), Lasting: true}, nil); err != nil {
				t.Error(err)
			}
			pause(time.Millisecond)
		}
		pause(4 * time.Second) // a circle would not let it pass
		a.port.down(nil)
		r.bus.Fail(nil)
		pause(5 * time.Second)
		a.lists("0=1 1=1 2=1")
	})
}

// An update that runs out of time does not end the session that it was to change.
func TestUpdateOutOfTime(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 1, "ann", "1")
		a.port.hang()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Join(ctx, "x", roster.Session{Receiver: 1, Key: "ann", Value: []byte("2")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("update: %v", err)
		}
		a.port.down(nil)
		pause(10 * time.Second)
		r.has("ann=2")
	})
}

// A session that changes its key while its join is under way is still answered.
func TestKeyChangesUnderWay(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		go1 := make(chan struct{})
		a.port.set(func(_ context.Context, what string) error {
			if what == "apply" {
				<-go1
			}
			return nil
		}, nil)
		var wg sync.WaitGroup
		for _, key := range []string{"ann", "bob"} {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				if err := a.Join(ctx, "x", roster.Session{Receiver: 1, Key: key, Value: []byte("1")}); err != nil {
					t.Errorf("join %s: %v", key, err)
				}
			})
			synctest.Wait()
		}
		close(go1)
		wg.Wait()
		r.has("bob=1")
	})
}

func TestFull(t *testing.T) {
	bubble(t, "a b", roster.Rules{Max: 2}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		mustJoin(t, a, 1, "ann", "1")
		mustJoin(t, b, 1, "bob", "2")
		var full *roster.FullError
		if err := a.join(2, "cat", "3"); !errors.As(err, &full) || full.Max != 2 {
			t.Errorf("join: %v", err)
		}
		mustJoin(t, a, 3, "bob", "2")
		b.leave(1)
		a.leave(3)
		mustJoin(t, a, 2, "cat", "3")
		r.has("ann=1 cat=3")
	})
}

// Whose place was taken while the store was emptied is told so.
func TestPlaceLost(t *testing.T) {
	bubble(t, "a b", roster.Rules{Max: 1}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		e := &ear{n: a}
		ended := make(chan error, 1)
		s := roster.Session{Outlet: e, Receiver: e, Key: "ann", Value: []byte("1"), Ended: func(err error) { ended <- err }}
		if err := a.Join(t.Context(), "x", s); err != nil {
			t.Fatal(err)
		}
		e.heard("in", "state ann=1")
		r.store.Empty()
		mustJoin(t, b, 1, "bob", "2")
		pause(5 * time.Second)
		r.has("bob=2")
		e.mu.Lock()
		if last := e.words[len(e.words)-1]; last != "left" {
			t.Errorf("heard %q", e.words)
		}
		e.mu.Unlock()
		var full *roster.FullError
		if err := <-ended; !errors.As(err, &full) {
			t.Errorf("ended: %v", err)
		}
	})
}

func TestLargeRoster(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		const n = 20_000
		var wg sync.WaitGroup
		for i := range n {
			wg.Add(1)
			s := roster.Session{Receiver: i, Key: fmt.Sprint(i), Value: []byte("1")}
			if err := a.Post("x", s, func(err error) {
				if err != nil {
					t.Error(err)
				}
				wg.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		if calls := a.port.count("apply"); calls > 2*n/roster.MaxOps+5 {
			t.Errorf("%d calls", calls)
		}
		v, err := r.nodes["b"].Read(t.Context(), "x")
		if err != nil || len(v.Members) != n {
			t.Errorf("b has %d members, %v", len(v.Members), err)
		}
	})
}

func TestRetires(t *testing.T) {
	bubble(t, "a", roster.Rules{Idle: time.Second}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 1, "ann", "1")
		pause(time.Hour)
		if a.Len() != 1 {
			t.Error("retired with a member")
		}
		a.leave(1)
		pause(10 * time.Second)
		if a.Len() != 0 || r.bus.Followers("__r:x") != 0 {
			t.Errorf("%d actors, %d followers", a.Len(), r.bus.Followers("__r:x"))
		}
		mustJoin(t, a, 1, "ann", "1")
		a.lists("ann=1")
	})
}
