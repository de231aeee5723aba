package cursor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/topic"
)

var errDown = errors.New("down")

func (c *cluster) down(err error) {
	c.bus.Fail(err)
	c.store.set(func(f *flaky) { f.fail = err })
}

func TestFailureCases(t *testing.T) {
	t.Parallel()
	t.Run("CUR-16 removal during an outage", func(t *testing.T) { bubble(t, cur16) })
}

func cur16(t *testing.T) {
	c := newCluster(t, cursor.Policy{}, "a", "b")
	va, vb := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "k1", "1")
	move(t, c.nodes["a"].Boards, "room", "k2", "1")
	pass(time.Second)
	va.heard()
	vb.heard()
	c.down(errDown)
	move(t, c.nodes["a"].Boards, "room", "k1", "2")
	synctest.Wait()
	move(t, c.nodes["a"].Boards, "room", "k1", "3") // waits for its throttle
	pass(10 * time.Millisecond)
	remove(t, c.nodes["a"].Boards, "room", "k1")
	pass(5 * time.Second)
	wantHeard(t, "a", va, "update(k1=2) remove(k1=)") // the node itself goes on
	wantHeard(t, "b", vb, "")
	if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) != 2 {
		t.Errorf("the store has %v", left)
	}
	c.down(nil)
	pass(3 * time.Second)
	wantHeard(t, "b", vb, "remove(k1=)")
	if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) != 1 || left[0].Key != "k2" {
		t.Errorf("the store has %v", left)
	}
	want(t, "list on b", list(t, c.nodes["b"].Boards, "room"), map[string]string{"k2": "1"})
}

// A backend that is down or hangs keeps nobody from seeing the cursors of the node.
func TestBackendAway(t *testing.T) {
	for _, hang := range []bool{false, true} {
		t.Run(fmt.Sprint("hangs ", hang), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCluster(t, cursor.Policy{}, "a", "b")
				if hang {
					c.store.set(func(f *flaky) { f.hang = true })
				} else {
					c.down(errDown)
				}
				v := watch(t, c.nodes["a"].Boards, "room")
				synctest.Wait()
				move(t, c.nodes["b"].Boards, "room", "b1", "1")
				move(t, c.nodes["a"].Boards, "room", "k1", "1")
				pass(cursor.DefaultTimeout + time.Second)
				move(t, c.nodes["a"].Boards, "room", "k1", "2")
				synctest.Wait()
				own := map[string]string{"k1": "2"}
				if hang {
					own["b1"] = "1" // the Relay works
				}
				want(t, "a", v.sees(), own)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := c.nodes["a"].List(ctx, "room"); !errors.Is(err, cursor.ErrUnavailable) {
					t.Errorf("list: %v", err)
				}
				c.store.set(func(f *flaky) { f.hang = false })
				c.down(nil)
				pass(10 * time.Second)
				want(t, "a later", v.sees(), map[string]string{"k1": "2", "b1": "1"})
				want(t, "list", list(t, c.nodes["b"].Boards, "room"), map[string]string{"k1": "2", "b1": "1"})
			})
		})
	}
}

// However frames are repeated and reordered, a removal is never overtaken.
func TestRemovalIsNotOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{Throttle: -1, Tick: -1}, "a", "b")
		_, vb := viewers(t, c)
		c.bus.SetFaults(membus.Faults{Seed: 3, Jitter: 3 * time.Second, Reorder: true, Duplicate: 0.5})
		for i := range 200 {
			key := fmt.Sprint("k", i)
			for n := range 4 {
				move(t, c.nodes["a"].Boards, "room", key, fmt.Sprint(n))
				pass(7 * time.Millisecond)
			}
			remove(t, c.nodes["a"].Boards, "room", key)
		}
		pass(10 * time.Second)
		want(t, "b", vb.sees(), map[string]string{})
		want(t, "list", list(t, c.nodes["b"].Boards, "room"), map[string]string{})
		vb.mu.Lock()
		defer vb.mu.Unlock()
		gone := map[string]int{}
		for _, w := range vb.words {
			key, _, _ := strings.Cut(strings.TrimSuffix(strings.SplitN(w+"(", "(", 2)[1], "("), "=")
			switch {
			case strings.HasPrefix(w, "remove"):
				gone[key]++
			case strings.HasPrefix(w, "update") && gone[key] > 0:
				t.Errorf("%s after its removal", w)
			}
		}
	})
}

// What frames lost comes from the Store, also if it was the last there was.
func TestLostFrames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		_, vb := viewers(t, c)
		move(t, c.nodes["a"].Boards, "room", "stays", "1")
		move(t, c.nodes["a"].Boards, "room", "goes", "1")
		pass(time.Second)
		vb.heard()
		c.bus.SetFaults(membus.Faults{Drop: 1})
		move(t, c.nodes["a"].Boards, "room", "stays", "2")
		remove(t, c.nodes["a"].Boards, "room", "goes")
		move(t, c.nodes["a"].Boards, "room", "comes", "2")
		pass(500 * time.Millisecond)
		c.bus.SetFaults(membus.Faults{})
		pass(5 * time.Second) // nothing moves any more
		want(t, "b", vb.sees(), map[string]string{"stays": "2", "comes": "2"})
		if got := vb.heard(); !strings.HasPrefix(got, "snapshot(") {
			t.Errorf("b heard %s", got)
		}
	})
}

func TestRestored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		va, vb := viewers(t, c)
		move(t, c.nodes["a"].Boards, "room", "a1", "1")
		move(t, c.nodes["b"].Boards, "room", "b1", "1")
		pass(time.Second)
		c.bus.Disconnect("b")
		move(t, c.nodes["a"].Boards, "room", "a1", "2")
		move(t, c.nodes["a"].Boards, "room", "a2", "2")
		remove(t, c.nodes["b"].Boards, "room", "b1")
		pass(5 * time.Second)
		c.bus.Reconnect("b")
		pass(100 * time.Millisecond)
		want(t, "b at once", vb.sees(), map[string]string{"a1": "2", "a2": "2"})
		pass(3 * time.Second)
		for _, v := range []*viewer{va, vb} {
			want(t, "viewer", v.sees(), map[string]string{"a1": "2", "a2": "2"})
		}
	})
}

func TestForget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b", "c")
		_, vb := viewers(t, c)
		for i := range 50 {
			move(t, c.nodes["a"].Boards, "room", fmt.Sprint("a", i), "1")
		}
		move(t, c.nodes["c"].Boards, "room", "c1", "1")
		move(t, c.nodes["a"].Boards, "unseen", "a1", "1")
		pass(time.Second)
		c.bus.Disconnect("a")
		for _, n := range []string{"b", "c"} {
			c.nodes[n].Forget("a.1")
		}
		synctest.Wait()
		pass(20 * time.Millisecond)
		want(t, "b at once", vb.sees(), map[string]string{"c1": "1"})
		unseen := watch(t, c.nodes["b"].Boards, "unseen") // what the Store has of it is old
		pass(100 * time.Millisecond)
		wantHeard(t, "who looks later", unseen, "snapshot(0)")
		pass(time.Second)
		if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) != 1 {
			t.Errorf("the store has %d", len(left))
		}
		// The node was not dead. Its old life is not believed, its new one is.
		c.bus.Reconnect("a")
		move(t, c.nodes["a"].Boards, "room", "a0", "2")
		pass(2 * time.Second)
		want(t, "b, of the old life", vb.sees(), map[string]string{"c1": "1"})
		life := "a.2"
		c.nodes["a"].life.Store(&life)
		c.nodes["a"].Recheck()
		pass(3 * time.Second)
		if n := len(vb.sees()); n != 51 {
			t.Errorf("b sees %d of the new life", n)
		}
		left, _ := c.store.Store.Load(t.Context(), "room")
		for _, e := range left {
			if e.Life == "a.1" {
				t.Errorf("%s is still of the old life", e.Key)
			}
		}
		late := watch(t, c.start("d", cursor.Policy{}).Boards, "room")
		pass(2 * time.Second)
		if n := len(late.sees()); n != 51 {
			t.Errorf("a new node sees %d", n)
		}
	})
}

// An emptied Store is filled again by those who have something.
func TestRecheck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		_, vb := viewers(t, c)
		move(t, c.nodes["a"].Boards, "room", "a1", "1")
		pass(time.Second)
		vb.heard()
		for _, e := range []cursor.Entry{{Key: "a1", Number: 1 << 52}, {Key: "a1", Number: 1 << 52}} {
			if err := c.store.Store.Save(t.Context(), "room", "x", []cursor.Entry{e}, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		c.nodes["a"].Recheck()
		c.nodes["b"].Recheck()
		pass(5 * time.Second)
		if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) != 1 {
			t.Errorf("the store has %v", left)
		}
		want(t, "b", vb.sees(), map[string]string{"a1": "1"})
	})
}

// Closing a node takes its cursors away everywhere, and tells its receivers.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		va, vb := viewers(t, c)
		for i := range 700 { // more than one frame
			move(t, c.nodes["a"].Boards, "room", fmt.Sprint(i), "1")
		}
		pass(time.Second)
		if n := len(vb.sees()); n != 700 {
			t.Errorf("b sees %d", n)
		}
		if err := c.nodes["a"].Close(t.Context()); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		want(t, "b", vb.sees(), map[string]string{})
		if got := va.heard(); !strings.HasSuffix(got, " closed") {
			t.Errorf("a heard %s", got)
		}
		if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) > 0 {
			t.Errorf("the store has %d", len(left))
		}
		if err := c.nodes["a"].Move("room", cursor.Mover{Key: "k"}, []byte("1")); !errors.Is(err, cursor.ErrClosed) {
			t.Errorf("move: %v", err)
		}
		if err := c.nodes["a"].Attach("room", va, va); !errors.Is(err, topic.ErrClosed) {
			t.Errorf("attach: %v", err)
		}
	})
}

// An Outlet that panics costs its receivers nothing: they are given the board anew.
func TestPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		va, vb := viewers(t, c)
		va.mu.Lock()
		va.panics = true
		va.mu.Unlock()
		move(t, c.nodes["a"].Boards, "room", "k1", "1")
		pass(time.Second)
		move(t, c.nodes["a"].Boards, "room", "k2", "2")
		pass(time.Second)
		both := map[string]string{"k1": "1", "k2": "2"}
		want(t, "a", va.sees(), both)
		want(t, "b", vb.sees(), both)
		remove(t, c.nodes["a"].Boards, "room", "k1")
		pass(time.Minute)
		want(t, "b", vb.sees(), map[string]string{})
	})
}

// A Store that is slow to take what others already look for in it misleads nobody for long.
func TestSlowStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		c.store.set(func(f *flaky) { f.slow = 3 * time.Second })
		move(t, c.nodes["a"].Boards, "room", "k1", "1")
		pass(500 * time.Millisecond)
		vb := watch(t, c.nodes["b"].Boards, "room")
		pass(5 * time.Second)
		want(t, "b", vb.sees(), map[string]string{"k1": "1"})
		c.store.set(func(f *flaky) { f.saves = nil })
		pass(20 * time.Second)
		c.store.set(func(f *flaky) {
			if len(f.saves) > 0 {
				t.Errorf("saved %d times though nothing moves", len(f.saves))
			}
		})
	})
}

// However much moves, the Store is written a few times a second.
func TestSavesAreFew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a", "b")
		for range 200 {
			for i := range 600 {
				move(t, c.nodes["a"].Boards, "room", fmt.Sprint("k", i), "1")
			}
			pass(10 * time.Millisecond)
		}
		pass(time.Second)
		c.store.set(func(f *flaky) {
			if n := len(f.saves); n < 10 || n > 30 { // of up to 512 cursors
				t.Errorf("%d saves in 2 seconds", n)
			}
		})
		if left, _ := c.store.Store.Load(t.Context(), "room"); len(left) != 600 {
			t.Errorf("the store has %d", len(left))
		}
	})
}
