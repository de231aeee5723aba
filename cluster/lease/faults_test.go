package lease_test

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// TestClocks sets the backend's clock forward and back by an hour. All live nodes stay; one that
// is dead is found later, at most a minute after the jump.
func TestClocks(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour, "a little": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				c.registry.Shift(-20 * time.Minute) // it never was that of the nodes
				a, b, x := c.start("a"), c.start("b"), c.start("x")
				time.Sleep(10 * time.Second)
				c.registry.Shift(jump)
				time.Sleep(20 * time.Second)
				synctest.Wait()
				for _, n := range c.nodes {
					n.mustBeUndisturbed(3)
				}
				x.kill()
				c.registry.Shift(jump)
				time.Sleep(70 * time.Second)
				synctest.Wait()
				if all := c.cleanups(); len(all) != 1 || all[0].dead.ID != "x" {
					t.Errorf("cleanups %v, want one of x", all)
				}
				if !slices.Equal(a.members(), []string{"a alive", "b alive"}) || !slices.Equal(b.members(), a.members()) {
					t.Errorf("a sees %v, b %v", a.members(), b.members())
				}
			})
		})
	}
}

// TestEmptied empties the backend under three nodes, one of which has just been killed.
func TestEmptied(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, b, x := c.start("a"), c.start("b"), c.start("x")
		time.Sleep(10 * time.Second)
		lives := []lease.Member{a.agent.Self(), b.agent.Self()}
		a.saw("joined b", "joined x")
		x.kill()
		c.registry.Empty()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		a.saw("emptied")
		if b.count("emptied") != 1 {
			t.Errorf("b was not told within two seconds: %v", b.told)
		}
		if n := len(a.members()); n != 3 {
			t.Errorf("a sees %v", a.members())
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		a.saw("died x")
		if all := c.cleanups(); len(all) != 1 || all[0].dead.ID != "x" {
			t.Errorf("cleanups %v, want one of x", all)
		}
		if now := []lease.Member{a.agent.Self(), b.agent.Self()}; !slices.Equal(now, lives) {
			t.Errorf("lives were %v, are %v", lives, now)
		}
	})
}

// TestEmptiedWhileCleaning empties the backend while a survivor cleans up: what it knew of
// the claim is gone, and the dead node is cleaned up after again.
func TestEmptiedWhileCleaning(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		c.hang = true
		a, b, x := c.start("a"), c.start("b"), c.start("x")
		time.Sleep(10 * time.Second)
		old := x.agent.Self()
		x.port.pause(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		c.mu.Lock()
		c.hang = false
		c.mu.Unlock()
		c.registry.Empty()
		x.port.pause(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if x.agent.Self() == old {
			t.Error("a life that was declared dead came back after the backend was emptied")
		}
		all := c.cleanups()
		for i, cl := range all {
			if cl.dead != old || i > 0 && cl.fence <= all[i-1].fence {
				t.Errorf("cleanups %v, want them of %v with growing fences", all, old)
			}
		}
		if len(all) < 2 {
			t.Errorf("%d cleanups, want a second one after the first was forgotten", len(all))
		}
		if want := []string{"a alive", "b alive", "x alive"}; !slices.Equal(a.members(), want) || !slices.Equal(b.members(), want) {
			t.Errorf("a sees %v, b %v", a.members(), b.members())
		}
	})
}

// TestEmptiedWhileClaimed empties the backend, and kills the claimant, before anyone else saw the
// claim on a paused node. Whoever hooks cleaned up after must not go on as if they had not.
func TestEmptiedWhileClaimed(t *testing.T) {
	for name, wait := range map[string]time.Duration{"resumed before it was written back": 0, "resumed after": 3 * time.Second,
		"resumed after its lease ran out again": 8 * time.Second, "resumed after another claim": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				for _, id := range []string{"a", "b", "c", "x"} {
					c.start(id)
				}
				time.Sleep(10 * time.Second)
				x := c.nodes["x"]
				old := x.agent.Self()
				x.port.pause(true)
				for len(c.cleanups()) == 0 {
					time.Sleep(time.Millisecond)
				}
				c.registry.Empty()
				c.nodes[c.cleanups()[0].by].kill()
				time.Sleep(wait)
				x.port.pause(false)
				time.Sleep(time.Minute)
				synctest.Wait()
				if x.agent.Self() == old || x.count("lost "+old.Incarnation+" "+x.agent.Self().Incarnation) != 1 {
					t.Errorf("%v was cleaned up after and lives on, told %q", old, x.told)
				}
				for _, l := range x.agent.Members() {
					if l.State != lease.Alive || l.Member == old {
						t.Errorf("x sees %v", l)
					}
				}
			})
		})
	}
}

// TestEmptiedTogetherWithOutage restarts the backend without data after longer than a lease. Nobody can
// have been declared dead, but nobody can know that.
func TestEmptiedTogetherWithOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		for _, id := range []string{"a", "b", "c"} {
			c.start(id)
		}
		time.Sleep(10 * time.Second)
		c.outage(true, false)
		time.Sleep(10 * time.Second)
		c.registry.Empty()
		c.outage(false, false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, n := range c.nodes {
			if n.count("emptied") != 1 {
				t.Errorf("%s was told %v", n.id, n.told)
			}
			if want := []string{"a alive", "b alive", "c alive"}; !slices.Equal(n.members(), want) {
				t.Errorf("%s sees %v", n.id, n.members())
			}
			if !slices.ContainsFunc(n.agent.Members(), func(l lease.Lease) bool { return l.Member == n.agent.Self() }) {
				t.Errorf("%s does not see its present life", n.id)
			}
		}
	})
}

// TestRestartWithinTTL kills a node and starts it again a second later.
func TestRestartWithinTTL(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, x := c.start("a"), c.start("x")
		time.Sleep(10 * time.Second)
		old := x.agent.Self()
		x.kill()
		time.Sleep(time.Second)
		x = c.start("x")
		time.Sleep(time.Minute)
		synctest.Wait()
		a.saw("joined x", "joined x", "died x")
		x.saw("joined a", "joined x", "died x")
		if all := c.cleanups(); len(all) != 1 || all[0].dead != old {
			t.Errorf("cleanups %v, want one of %v", all, old)
		}
	})
}

// TestDoubledID starts two nodes with one ID.
func TestDoubledID(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		one, two := c.start("x"), c.start("x")
		defer one.close()
		time.Sleep(time.Minute)
		synctest.Wait()
		one.saw("joined x", "doubled x")
		two.saw("joined x", "doubled x")
		if n := len(c.cleanups()); n > 0 {
			t.Errorf("%d cleanups, want that both live", n)
		}
	})
}

// TestListenersAreIsolated has listeners and hooks panic and hang.
func TestListenersAreIsolated(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		release := make(chan struct{})
		a := c.start("a")
		a.agent.OnChange(func(lease.Change) { panic("a listener's bug") })
		a.agent.OnChange(func(ch lease.Change) {
			if ch.Kind == lease.Joined {
				<-release
			}
		})
		x := c.start("x")
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		a.saw("joined x")
		if got := a.members(); !slices.Equal(got, []string{"a alive"}) || len(c.cleanups()) != 1 {
			t.Errorf("while a listener hangs: members %v, cleanups %v", got, c.cleanups())
		}
		close(release)
		synctest.Wait()
		a.saw("died x")
	})
}

// TestNoticesAreBounded keeps a listener busy while thousands of nodes come.
func TestNoticesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		release := make(chan struct{})
		a := c.start("a")
		a.agent.OnEmptied(func() { <-release })
		c.registry.Empty()
		time.Sleep(3 * time.Second)
		crowd := lease.Renewal{Self: lease.Member{ID: "m", Incarnation: "0"}, TTL: time.Minute, Join: true}
		for i := range 4999 {
			crowd.Members = append(crowd.Members, lease.Member{ID: "m", Incarnation: strconv.Itoa(i + 1)})
		}
		if _, err := c.registry.Renew(t.Context(), crowd); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		close(release)
		synctest.Wait()
		if got := a.count("joined m"); got != 4096 {
			t.Errorf("%d notices, want 4096", got)
		}
	})
}

// TestLateListener shows that a listener learns of those who are there already, once.
func TestLateListener(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a := c.start("a")
		c.start("b")
		time.Sleep(10 * time.Second)
		heard := make(chan lease.Change, 10)
		a.agent.OnChange(func(ch lease.Change) { heard <- ch })
		c.start("c")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		close(heard)
		var ids []string
		for ch := range heard {
			ids = append(ids, string(ch.Kind)+" "+ch.Member.ID)
		}
		if !slices.Equal(ids, []string{"joined b", "joined c"}) {
			t.Errorf("heard %q", ids)
		}
		a.saw("joined b", "joined c")
	})
}
