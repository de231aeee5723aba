package roster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// gate has calls of one kind wait until it is opened.
func gate(p *port, what string) (open func()) {
	ch := make(chan struct{})
	p.set(func(ctx context.Context, w string) error {
		if w == what {
			select {
			case <-ch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}, nil)
	return func() {
		p.down(nil)
		close(ch)
		synctest.Wait()
	}
}

func TestShut(t *testing.T) {
	bubble(t, "a b", roster.Rules{Idle: time.Second}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		mustJoin(t, a, 1, "ann", "1")
		w := b.watch()
		if err := b.Shut(t.Context(), "x", time.Hour); err != nil {
			t.Fatal(err)
		}
		w.heard("in", "state ann=1", "closed ", "left")
		if err := a.join(1, "ann", "1"); !errors.Is(err, roster.ErrClosed) {
			t.Errorf("join: %v", err)
		}
		if err := a.Say(t.Context(), "x", roster.Word{Event: "e", Data: []byte("1")}); !errors.Is(err, roster.ErrClosed) {
			t.Errorf("say: %v", err)
		}
		pause(time.Minute)
		if a.Len()+b.Len() != 0 {
			t.Errorf("%d actors hold on to a closed roster", a.Len()+b.Len())
		}
		if err := a.Reopen(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		mustJoin(t, a, 1, "ann", "2")
		b.lists("ann=2")
	})
}

// Joins that are under way when the roster is closed, and whose answer comes before or
// after the news, end with an answer and leave nothing.
func TestShutWithJoinsUnderWay(t *testing.T) {
	for _, early := range []bool{true, false} {
		bubbleSub(t, early, func(t *testing.T, r *rig) {
			a, b := r.nodes["a"], r.nodes["b"]
			mustJoin(t, a, 0, "old", "0")
			open := gate(a.port, "apply")
			if early { // it takes effect before, and is answered after
				ch := make(chan struct{})
				a.port.set(nil, func(what string) error {
					if what == "apply" {
						<-ch
					}
					return nil
				})
				open = func() { a.port.down(nil); close(ch); synctest.Wait() }
			}
			var wg sync.WaitGroup
			for i, key := range []string{"ann", "old"} {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					err := a.Join(ctx, "x", roster.Session{Receiver: i + 1, Key: key, Value: []byte("1")})
					if !errors.Is(err, roster.ErrClosed) {
						t.Errorf("join %s: %v", key, err)
					}
				})
			}
			synctest.Wait()
			if err := b.Shut(t.Context(), "x", time.Hour); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			open()
			wg.Wait()
			a.lists("")
			if err := a.Reopen(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			pause(2 * time.Minute)
			r.has("")
			if a.Len() != 0 {
				t.Error("the actor stays")
			}
		})
	}
}

func bubbleSub(t *testing.T, early bool, f func(t *testing.T, r *rig)) {
	name := "answered late"
	if !early {
		name = "refused"
	}
	t.Run(name, func(t *testing.T) { bubble(t, "a b", roster.Rules{}, f) })
}

// A node that is leaving a roster while it is closed does not ask the store in circles.
func TestShutWithALeaveUnderWay(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 1, "ann", "1")
		if err := a.Shut(t.Context(), "x", time.Hour); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.store.Empty() // it is open again, without a word
		mustJoin(t, a, 2, "bob", "1")
		open := gate(a.port, "apply")
		a.leave(2)
		if err := r.nodes["b"].Shut(t.Context(), "x", time.Hour); err != nil {
			t.Fatal(err)
		}
		a.Recheck()
		pause(time.Second)
		before := a.port.count("apply")
		open()
		pause(time.Minute)
		if got := a.port.count("apply") - before; got > 5 {
			t.Errorf("%d calls", got)
		}
	})
}

// The life ends while a batch of it is with the store, or the store knows first.
func TestReborn(t *testing.T) {
	for _, name := range []string{"while a batch is in flight", "after it was buried", "before it is buried"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
				a, b := r.nodes["a"], r.nodes["b"]
				mustJoin(t, a, 1, "ann", "1")
				w := b.watch()
				bury := func() {
					if err := b.Bury(t.Context(), "a/1"); err != nil {
						t.Error(err)
					}
					synctest.Wait()
				}
				s := roster.Session{Receiver: 2, Key: "bob", Value: []byte("2"), Lasting: true}
				open := func() {}
				switch name {
				case "while a batch is in flight":
					open = gate(a.port, "apply")
				case "after it was buried":
					bury()
				}
				if err := a.Post("x", s, nil); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				a.reborn("a/2")
				synctest.Wait()
				open()
				bury()
				pause(3 * time.Second)
				r.has("ann=1 bob=2")
				w.sees("ann=1 bob=2")
				if c, err := r.store.Check(t.Context(), "__r:x"); err != nil || c.Lives["a/2"] != 2 || len(c.Lives) != 1 {
					t.Errorf("lives %v, %v", c.Lives, err)
				}
			})
		})
	}
}

func TestBuriedWhoDoesNotKnow(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		if err := r.store.Bury(t.Context(), "a/1"); err != nil {
			t.Fatal(err)
		}
		if err := a.join(1, "ann", "1"); !errors.Is(err, roster.ErrUnavailable) || !errors.Is(err, roster.ErrBuried) {
			t.Errorf("join: %v", err)
		}
		a.reborn("a/2")
		mustJoin(t, a, 1, "ann", "1")
	})
}

// What a life shows that no node has goes after two looks, not after one.
func TestOrphans(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		if _, err := r.store.Apply(t.Context(), "__r:x", "ghost/1", []roster.Op{{Key: "ghost", Value: []byte("1")}}, 0); err != nil {
			t.Fatal(err)
		}
		mustJoin(t, a, 1, "ann", "1")
		r.dead.Store("ghost/1", true)
		r.dead.Store("a/1", true) // who is not sure of itself does not bury itself
		pause(roster.DefaultCheckEvery * 9 / 8)
		r.has("ann=1 ghost=1")
		pause(roster.DefaultCheckEvery * 9 / 8)
		r.has("ann=1")
		pause(10 * time.Minute)
		r.has("ann=1")
	})
}

// What the store has of this node's own life, and this node does not know of, goes.
func TestOwnGhosts(t *testing.T) {
	bubble(t, "a b", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 1, "ann", "1")
		if _, err := r.store.Apply(t.Context(), "__r:x", "a/1", []roster.Op{{Key: "ghost", Value: []byte("1")}}, 0); err != nil {
			t.Fatal(err)
		}
		mustJoin(t, r.nodes["b"], 1, "bob", "1")
		pause(roster.DefaultCheckEvery * 9 / 8)
		r.has("ann=1 bob=1")
	})
}

func TestGrace(t *testing.T) {
	const grace = 10 * time.Second
	bubble(t, "a b", roster.Rules{Grace: grace}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		w := b.watch()
		mustJoin(t, a, 1, "ann", "1")
		w.heard("in", "state ", "diff +ann=1")
		a.leave(1)
		pause(grace / 2)
		mustJoin(t, a, 2, "ann", "1") // back on the same node
		pause(2 * grace)
		w.heard()
		a.leave(2)
		mustJoin(t, b, 1, "ann", "1") // on another
		pause(2 * grace)
		w.heard()
		b.leave(1)
		pause(grace - time.Second)
		w.heard()
		pause(time.Second)
		w.heard("diff -ann")
		mustJoin(t, b, 1, "ann", "1")
		if err := b.Leave("x", nil, 1, true); err != nil {
			t.Error(err)
		}
		w.heard("diff +ann=1", "diff -ann")
	})
}

// Who was not there yet does not appear by leaving.
func TestNoGraceForTheUnseen(t *testing.T) {
	bubble(t, "a b", roster.Rules{Grace: 10 * time.Second}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		w := r.nodes["b"].watch()
		a.port.down(errDown)
		s := roster.Session{Receiver: 1, Key: "ann", Value: []byte("1"), Lasting: true}
		if err := a.Post("x", s, nil); err != nil {
			t.Error(err)
		}
		pause(time.Second / 2)
		a.leave(1)
		a.port.down(nil)
		pause(time.Minute)
		w.heard("in", "state ")
	})
}

func TestGraceEndsWithTheNode(t *testing.T) {
	bubble(t, "a b", roster.Rules{Grace: time.Hour}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		mustJoin(t, a, 1, "ann", "1")
		a.leave(1)
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		r.has("")
	})
}

// A Face or a Store that panics costs a state anew, and nobody his place.
func TestPanics(t *testing.T) {
	bubble(t, "a b", roster.Rules{Beat: 10 * time.Second}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a"], r.nodes["b"]
		mustJoin(t, a, 1, "ann", "1")
		w := a.watch()
		w.heard("in", "state ann=1")
		a.mu.Lock()
		a.panics = 1
		a.mu.Unlock()
		mustJoin(t, b, 1, "bob", "2")
		pause(5 * time.Second)
		w.sees("ann=1 bob=2")
		a.port.set(func(context.Context, string) error { panic("store") }, nil)
		if err := a.join(2, "cat", "3"); !errors.Is(err, roster.ErrUnavailable) {
			t.Errorf("join: %v", err)
		}
		a.port.down(nil)
		mustJoin(t, a, 2, "cat", "3")
		w.heard("diff +cat=3")
		before := a.port.count("check")
		pause(20 * time.Minute)
		w.mu.Lock()
		if beats := len(w.words); beats < 115 || beats > 125 {
			t.Errorf("%d beats in 20 minutes", beats)
		}
		w.words = nil
		w.mu.Unlock()
		if looks := a.port.count("check") - before; looks > 24 {
			t.Errorf("%d looks in 20 minutes", looks)
		}
		r.has("ann=1 bob=2 cat=3")
	})
}

// A watch that was asked for twice ends with one leave.
func TestWatchTwice(t *testing.T) {
	bubble(t, "a", roster.Rules{}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		open := gate(a.port, "load")
		w := a.watch()
		if err := a.Watch("x", w, w); err != nil {
			t.Error(err)
		}
		if err := a.Leave("x", w, w, false); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		open()
		mustJoin(t, a, 1, "ann", "1")
		w.heard("left")
	})
}
