package presence_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func nodeCrashes(t *testing.T, c *cast) {
	wa, wb := c.nodes["a"].client("w").watch("room"), c.nodes["b"].client("w").watch("room")
	c.nodes["a"].client("ann").enter("room", ann)
	c.nodes["c"].client("ann").enter("room", ann)
	c.nodes["c"].client("cat").enter("room", "")
	wb.sees(t, "ann cat")
	c.crash("c")
	for range 2 { // a second survivor may begin anew
		if err := c.nodes["a"].Bury(t.Context(), "c/1"); err != nil {
			t.Fatal(err)
		}
	}
	wa.sees(t, "ann")
	wb.sees(t, "ann")
	if wa.leaves["cat"] != 1 || wb.leaves["cat"] != 1 || len(wa.leaves) != 1 {
		t.Errorf("leaves: %v and %v, want cat once", wa.leaves, wb.leaves)
	}
}

func idleUsersStay(t *testing.T, c *cast) {
	w := c.nodes["b"].client("w").watch("room")
	c.nodes["a"].client("ann").enter("room", ann)
	time.Sleep(24 * time.Hour)
	w.sees(t, "ann")
	if len(w.leaves) > 0 || w.joins["ann"] != 1 {
		t.Errorf("joins %v, leaves %v", w.joins, w.leaves)
	}
}

func leaveWhileJoining(t *testing.T, c *cast) {
	a := c.nodes["a"]
	w := c.nodes["b"].client("w").watch("room")
	x := a.client("ann")
	x.enter("other", ann)
	synctest.Wait()
	hang := make(chan struct{})
	a.store.mu.Lock()
	a.store.hang = hang
	a.store.mu.Unlock()
	x.enter("room", ann)
	synctest.Wait()
	x.exit("room")
	synctest.Wait()
	a.store.mu.Lock()
	a.store.hang = nil
	a.store.mu.Unlock()
	close(hang)
	w.sees(t, "")
	a.lists(t, "room", "")
	a.lists(t, "other", "ann")
}

func leaveInOutage(t *testing.T, c *cast) {
	a := c.nodes["a"]
	w := c.nodes["b"].client("w").watch("room")
	x := a.client("ann").enter("room", ann)
	w.heard(t, `presence_state {}`, joinAnn)
	a.store.fail(errors.New("down"))
	x.exit("room")
	time.Sleep(time.Minute)
	w.heard(t)
	a.store.fail(nil)
	time.Sleep(2 * time.Second)
	w.heard(t, leaveAnn)
}

func emptied(t *testing.T, c *cast) {
	w := c.nodes["b"].client("w").watch("room")
	c.nodes["a"].client("ann").enter("room", ann)
	c.nodes["b"].client("bob").enter("room", "")
	w.sees(t, "ann bob")
	c.store.Empty()
	for _, n := range c.nodes {
		n.Recheck()
	}
	time.Sleep(time.Second)
	w.sees(t, "ann bob")
	c.nodes["a"].lists(t, "room", "ann bob")
	if s, err := c.store.Load(t.Context(), "__presence:room"); err != nil || len(s.Members) != 2 {
		t.Errorf("the store has %v, %v", s, err)
	}
}

func heartbeats(t *testing.T, c *cast) {
	w := c.nodes["b"].client("w").watch("room")
	c.nodes["a"].client("ann").enter("room", ann)
	c.nodes["b"].client("bob").enter("room", "")
	time.Sleep(11 * time.Second)
	synctest.Wait()
	if fmt.Sprint(w.beats) != "[ann bob]" {
		t.Errorf("heartbeat has %v", w.beats)
	}
}

func strangeNames(t *testing.T, c *cast) {
	a, b := c.nodes["a"], c.nodes["b"]
	x, y := a.client("b").enter("t", ""), a.client("a|b").enter("t", "")
	w := b.client("w").watch("t")
	w.sees(t, "a|b b")
	x.exit("t")
	w.sees(t, "a|b")
	y.exit("t")
	w.sees(t, "")
	a.client("c").enter("a:b", "")
	odd := a.client("b:c \"\\\n<é>").enter("a", "")
	b.lists(t, "a:b", "c")
	b.lists(t, "a", "b:c \"\\\n<é>")
	odd.sees(t, "b:c \"\\\n<é>")
}

func collapsed(t *testing.T, c *cast) {
	a := c.nodes["a"]
	w := a.client("w").watch("room")
	w.heard(t, `presence_state {}`)
	hang := make(chan struct{})
	a.store.mu.Lock()
	a.store.hang = hang
	a.store.mu.Unlock()
	a.client("first").enter("room", "") // is with the store
	synctest.Wait()
	for range 10 {
		x := a.client("ann").enter("room", ann)
		x.exit("room")
	}
	a.client("bob").enter("room", "")
	a.client("cat").enter("room", "")
	synctest.Wait()
	a.store.mu.Lock()
	a.store.hang = nil
	a.store.mu.Unlock()
	close(hang)
	w.sees(t, "bob cat first")
	if w.version != 2 || w.joins["ann"] != 0 {
		t.Errorf("version %d, joins %v: want one diff for what gathered, without ann", w.version, w.joins)
	}
}

func cleared(t *testing.T, c *cast) {
	a, b := c.nodes["a"], c.nodes["b"]
	x := a.client("ann").enter("room", ann)
	w := b.client("w").watch("room")
	w.sees(t, "ann")
	if err := b.Clear(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	x.sees(t, "")
	w.sees(t, "")
	a.lists(t, "room", "")
	if !x.left || !w.left {
		t.Errorf("left: %v, %v", x.left, w.left)
	}
	a.client("bob").enter("room", "")
	b.lists(t, "room", "bob")
	x.heard(t, `presence_state {"ann":{"name":"Ann"}}`, `presence_state {}`)
}
