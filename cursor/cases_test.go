package cursor_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

// Cases CUR on one node in memory and on two nodes.
func TestCases(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, c *cluster){
		"CUR-01 the first update at once":                  cur01,
		"CUR-02 leading and trailing":                      cur02,
		"CUR-04 two connections are two cursors":           cur04,
		"CUR-05 topics are throttled apart":                cur05,
		"CUR-06 one bulk frame per tick":                   cur06,
		"CUR-07 remove cancels what waits":                 cur07,
		"CUR-09 list and snapshot":                         cur09,
		"CUR-10 a crashed node's cursors expire":           cur10,
		"CUR-11 user data is filtered":                     cur11,
		"CUR-12 a first receiver gets the others' cursors": cur12,
		"CUR-18 no work without cursors":                   cur18,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { test(t, newCluster(t, cursor.Policy{}, "a", "b")) })
		})
	}
	t.Run("CUR-03 without throttle every update", func(t *testing.T) { bubble(t, cur03) })
	t.Run("CUR-08 many removals at once", func(t *testing.T) { bubble(t, cur08) })
}

func viewers(t *testing.T, c *cluster) (a, b *viewer) {
	a, b = watch(t, c.nodes["a"].Boards, "room"), watch(t, c.nodes["b"].Boards, "room")
	pass(2 * time.Second)
	wantHeard(t, "a", a, "snapshot(0)")
	wantHeard(t, "b", b, "snapshot(0)")
	return a, b
}

func cur01(t *testing.T, c *cluster) {
	va, vb := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "k1", `{"x":1}`)
	synctest.Wait()
	wantHeard(t, "a", va, `update(k1={"x":1})`)
	wantHeard(t, "b", vb, `update(k1={"x":1})`)
	if va.users["k1"] != `{"name":"k1"}` || vb.users["k1"] != `{"name":"k1"}` {
		t.Errorf("users %v, %v", va.users, vb.users)
	}
}

func cur02(t *testing.T, c *cluster) {
	va, vb := viewers(t, c)
	begin := time.Now()
	for i := range 10 {
		move(t, c.nodes["a"].Boards, "room", "k1", fmt.Sprint(i))
		pass(3 * time.Millisecond)
	}
	pass(100 * time.Millisecond)
	if at := va.times(); len(at) != 2 || at[1].Sub(begin) < 50*time.Millisecond || at[1].Sub(begin) > 67*time.Millisecond {
		t.Errorf("at %v after %v", at, begin)
	}
	wantHeard(t, "a", va, "update(k1=0) update(k1=9)")
	wantHeard(t, "b", vb, "update(k1=0) update(k1=9)")
}

func cur03(t *testing.T) {
	c := newCluster(t, cursor.Policy{Throttle: -1, Tick: -1}, "a", "b")
	va, vb := viewers(t, c)
	for i := range 10 {
		move(t, c.nodes["a"].Boards, "room", "k1", fmt.Sprint(i))
	}
	pass(time.Second)
	wantHeard(t, "a", va, "update(k1=0) update(k1=1) update(k1=2) update(k1=3) update(k1=4) "+
		"update(k1=5) update(k1=6) update(k1=7) update(k1=8) update(k1=9)")
	want(t, "b", vb.sees(), map[string]string{"k1": "9"})
}

func cur04(t *testing.T, c *cluster) {
	va, vb := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "a/1", "1")
	move(t, c.nodes["b"].Boards, "room", "b/1", "2")
	pass(time.Second)
	for _, v := range []*viewer{va, vb} {
		want(t, "viewer", v.sees(), map[string]string{"a/1": "1", "b/1": "2"})
	}
}

func cur05(t *testing.T, c *cluster) {
	va, _ := viewers(t, c)
	other := watch(t, c.nodes["a"].Boards, "other")
	pass(time.Second)
	move(t, c.nodes["a"].Boards, "room", "k1", "1")
	move(t, c.nodes["a"].Boards, "other", "k1", "2")
	synctest.Wait()
	wantHeard(t, "room", va, "update(k1=1)")
	wantHeard(t, "other", other, "snapshot(0) update(k1=2)")
}

func cur06(t *testing.T, c *cluster) {
	va, vb := viewers(t, c)
	for i := range 50 {
		move(t, c.nodes["a"].Boards, "room", fmt.Sprint("k", i), "1")
		if i == 0 {
			synctest.Wait()
		}
	}
	pass(20 * time.Millisecond)
	pass(20 * time.Millisecond)
	wantHeard(t, "a", va, "update(k0=1) bulk(49)")
	wantHeard(t, "b", vb, "update(k0=1) bulk(49)")
	for range 20 { // all move all the time
		for i := range 50 {
			move(t, c.nodes["a"].Boards, "room", fmt.Sprint("k", i), "2")
		}
		pass(5 * time.Millisecond)
	}
	pass(100 * time.Millisecond)
	for name, v := range map[string]*viewer{"a": va, "b": vb} {
		at := v.times()
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 16*time.Millisecond {
				t.Errorf("%s: frames %v apart: %s", name, gap, v.heard())
			}
		}
		if len(at) < 3 || len(at) > 9 || len(v.sees()) != 50 {
			t.Errorf("%s: %d frames: %s", name, len(at), v.heard())
		}
	}
}

func cur07(t *testing.T, c *cluster) {
	va, vb := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "k1", "1")
	synctest.Wait()
	move(t, c.nodes["a"].Boards, "room", "k1", "2") // waits for its throttle
	pass(20 * time.Millisecond)
	remove(t, c.nodes["a"].Boards, "room", "k1")
	remove(t, c.nodes["a"].Boards, "room", "k1")
	remove(t, c.nodes["a"].Boards, "room", "unknown")
	remove(t, c.nodes["a"].Boards, "unknown", "unknown")
	pass(time.Second)
	wantHeard(t, "a", va, "update(k1=1) remove(k1=)")
	wantHeard(t, "b", vb, "update(k1=1) remove(k1=)")
	want(t, "list", list(t, c.nodes["b"].Boards, "room"), map[string]string{})
	left, err := c.store.Load(t.Context(), "room")
	if err != nil || len(left) > 0 {
		t.Errorf("the store has %v, %v", left, err)
	}
	move(t, c.nodes["a"].Boards, "room", "k1", "3") // it may come back
	pass(time.Second)
	wantHeard(t, "b", vb, "update(k1=3)")
}

// What closes many sockets removes many cursors: see also the gateway.
func cur08(t *testing.T) {
	c := newCluster(t, cursor.Policy{}, "a", "b")
	va, vb := viewers(t, c)
	for i := range 1000 {
		move(t, c.nodes["a"].Boards, "room", fmt.Sprint(i), "1")
	}
	pass(time.Second)
	if len(va.sees()) != 1000 || len(vb.sees()) != 1000 {
		t.Fatalf("a sees %d, b %d", len(va.sees()), len(vb.sees()))
	}
	for i := range 1000 {
		remove(t, c.nodes["a"].Boards, "room", fmt.Sprint(i))
	}
	pass(time.Second)
	want(t, "a", va.sees(), map[string]string{})
	want(t, "b", vb.sees(), map[string]string{})
}

// Who joins within a tick, and is given a cursor that others have not seen yet, is told
// when it goes.
func TestJoinWithinTick(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, cursor.Policy{}, "a")
		va := watch(t, c.nodes["a"].Boards, "room")
		pass(2 * time.Second)
		move(t, c.nodes["a"].Boards, "room", "k1", "1")
		synctest.Wait()
		move(t, c.nodes["a"].Boards, "room", "k2", "1")
		watch(t, c.nodes["a"].Boards, "room") // the actor sees the move, too early for the others
		synctest.Wait()
		late := watch(t, c.nodes["a"].Boards, "room")
		synctest.Wait()
		remove(t, c.nodes["a"].Boards, "room", "k2")
		pass(time.Second)
		want(t, "who was there", va.sees(), map[string]string{"k1": "1"})
		want(t, "who joined", late.sees(), map[string]string{"k1": "1"})
		wantHeard(t, "who joined", late, "snapshot(2) remove(k2=)")
	})
}

func cur09(t *testing.T, c *cluster) {
	_, vb := viewers(t, c)
	third := watch(t, c.nodes["b"].Boards, "room")
	move(t, c.nodes["a"].Boards, "room", "k1", "1")
	move(t, c.nodes["b"].Boards, "room", "k2", "2")
	pass(time.Second)
	both := map[string]string{"k1": "1", "k2": "2"}
	want(t, "list on a", list(t, c.nodes["a"].Boards, "room"), both)
	want(t, "list on b", list(t, c.nodes["b"].Boards, "room"), both)
	want(t, "list of an empty one", list(t, c.nodes["b"].Boards, "empty"), map[string]string{})
	vb.heard()
	third.heard()
	if err := c.nodes["b"].Snapshot("room", vb, vb); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	wantHeard(t, "who asked", vb, "snapshot(2)")
	wantHeard(t, "who did not", third, "")
	stranger := newViewer()
	if err := c.nodes["b"].Snapshot("room", stranger, stranger); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	wantHeard(t, "a stranger", stranger, "")
}

func cur10(t *testing.T, c *cluster) {
	_, vb := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "a1", "1")
	move(t, c.nodes["b"].Boards, "room", "b1", "1")
	pass(time.Second)
	c.bus.Disconnect("a") // nothing more comes of it
	for range 31 {
		pass(time.Second)
		move(t, c.nodes["b"].Boards, "room", "b1", "2")
	}
	pass(time.Second)
	want(t, "b", vb.sees(), map[string]string{"b1": "2"})
	want(t, "list", list(t, c.nodes["b"].Boards, "room"), map[string]string{"b1": "2"})
	if left, _ := c.store.Load(t.Context(), "room"); len(left) != 1 || left[0].Key != "b1" {
		t.Errorf("the store has %v", left)
	}
}

func cur11(t *testing.T, c *cluster) {
	_, vb := viewers(t, c)
	m := cursor.Mover{Key: "k", User: []byte(`{"name":"ann","token":"x","a":{"password":1,"b":2}}`)}
	if err := c.nodes["a"].Move("room", m, []byte("1")); err != nil {
		t.Fatal(err)
	}
	pass(time.Second)
	if vb.users["k"] != `{"name":"ann","a":{"b":2}}` {
		t.Errorf("b sees the user %s", vb.users["k"])
	}
}

func cur12(t *testing.T, c *cluster) {
	for i := range 20 {
		move(t, c.nodes["a"].Boards, "room", fmt.Sprint(i), "1")
	}
	pass(time.Second)
	vb := watch(t, c.nodes["b"].Boards, "room")
	pass(time.Second)
	wantHeard(t, "b", vb, "snapshot(20)")
	move(t, c.nodes["a"].Boards, "room", "0", "2")
	pass(time.Second)
	wantHeard(t, "b", vb, "update(0=2)")
}

func cur18(t *testing.T, c *cluster) {
	va, _ := viewers(t, c)
	move(t, c.nodes["a"].Boards, "room", "k1", "1")
	pass(time.Second)
	remove(t, c.nodes["a"].Boards, "room", "k1")
	pass(2 * time.Minute)
	before := c.nodes["a"].wakes.Load()
	pass(time.Hour)
	if n := c.nodes["a"].wakes.Load() - before; n != 0 {
		t.Errorf("a board without cursors woke %d times in an hour", n)
	}
	if err := c.nodes["a"].Detach("room", va, va); err != nil {
		t.Error(err)
	}
	pass(2 * time.Minute)
	if n := c.nodes["a"].Len(); n != 0 {
		t.Errorf("%d actors are left", n)
	}
	wantHeard(t, "a", va, "update(k1=1) remove(k1=) left")
}
