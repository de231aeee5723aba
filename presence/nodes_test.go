package presence_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic/roster"
)

// TestTakenForDead: a node that was buried while it lived shows its members again.
func TestTakenForDead(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		w := c.nodes["b"].client("w").watch("room")
		a.client("ann").enter("room", ann)
		w.sees(t, "ann")
		if err := c.nodes["b"].Bury(t.Context(), "a/1"); err != nil {
			t.Fatal(err)
		}
		a.client("bob").enter("room", "") // still under the old life: refused
		time.Sleep(3 * time.Second)
		w.sees(t, "")
		a.reborn(2)
		a.Reborn()
		time.Sleep(3 * time.Second)
		w.sees(t, "ann bob")
	})
}

// TestOrphans: what a life shows that no node has is dropped after two looks.
func TestOrphans(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		w := c.nodes["b"].client("w").watch("room")
		if _, err := c.store.Apply(t.Context(), "__presence:room", "ghost/1", []roster.Op{{Key: "ghost", Value: []byte("{}")}}, 0); err != nil {
			t.Fatal(err)
		}
		w.sees(t, "ghost")
		for _, n := range c.nodes {
			n.store.mu.Lock()
			n.store.dead["ghost/1"] = true
			n.store.mu.Unlock()
		}
		time.Sleep(3 * time.Minute)
		w.sees(t, "")
		if w.leaves["ghost"] != 1 {
			t.Errorf("leaves: %v", w.leaves)
		}
	})
}

// TestLostFrames: who missed a version reads the roster again, and says so with a
// state.
func TestLostFrames(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		w := c.nodes["b"].client("w").watch("room")
		a.client("ann").enter("room", ann)
		w.sees(t, "ann")
		c.bus.Disconnect("b")
		a.client("bob").enter("room", "")
		w.sees(t, "ann")
		c.bus.Reconnect("b")
		time.Sleep(time.Second)
		w.sees(t, "ann bob")
		a.client("cat").enter("room", "")
		w.sees(t, "ann bob cat")
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(context.Background()) }() // nothing was started
	_, err := presence.Start(presence.Config{System: system, Policies: []presence.Policy{{Match: "["}, {Grace: -1, Heartbeat: 1}}})
	for _, want := range []string{"policies[0].match", "policies[1].grace", "policies[1].heartbeat"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("faults do not name %s: %v", want, err)
		}
	}
	if _, err := presence.Start(presence.Config{System: system}); err == nil {
		t.Error("a store is not required")
	}
}

// TestCrowd: the more receivers have to be told, the longer changes gather, so that
// a crowd that arrives costs no square of deliveries.
func TestCrowd(t *testing.T) {
	t.Parallel()
	bubble(t, 1, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		room := presence.Of[user](a.Presence, "room")
		w := a.client("w").watch("room")
		for range 2000 { // 8 ms to tell
			if err := a.Watch("room", w, new(int)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		before := a.store.count()
		for i := range 400 { // one every 0.5 ms
			go func() {
				if _, err := room.Join(t.Context(), string(rune('A'+i)), user{}); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Millisecond / 2)
		}
		time.Sleep(time.Second)
		if calls := a.store.count() - before; calls > 30 {
			t.Errorf("%d batches for 400 joins within 200 ms and 2,000 receivers", calls)
		}
		if n, err := a.Count(t.Context(), "room"); n != 400 || err != nil {
			t.Errorf("%d are there, %v", n, err)
		}
	})
}
