package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// TestJoinAndLeave shows that the others see a node come within a renewal, and go at once
// when it leaves.
func TestJoinAndLeave(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, b := c.start("a"), c.start("b")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		a.saw("joined b")
		b.saw("joined a")
		for _, n := range []*node{a, b} {
			if got := n.members(); !slices.Equal(got, []string{"a alive", "b alive"}) {
				t.Errorf("%s sees %v", n.id, got)
			}
		}
		b.close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		a.saw("left b")
		if got := a.members(); !slices.Equal(got, []string{"a alive"}) {
			t.Errorf("a sees %v", got)
		}
		time.Sleep(time.Minute)
		a.saw()
		if n := len(c.cleanups()); n > 0 {
			t.Errorf("%d cleanups after a node that left", n)
		}
	})
}

// TestDeathIsFoundInTime kills a node at every moment of its renewals' round.
func TestDeathIsFoundInTime(t *testing.T) {
	for moment := range 8 {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				c.start("a")
				c.start("b")
				dead := c.start("x")
				time.Sleep(10*time.Second + time.Duration(moment)*250*time.Millisecond)
				dead.kill()
				killed := time.Now()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				all := c.cleanups()
				if len(all) != 1 {
					t.Fatalf("%d cleanups, want one", len(all))
				}
				if took := all[0].at.Sub(killed); took < 3750*time.Millisecond || took > 6250*time.Millisecond {
					t.Errorf("cleaned up %v after the kill, want 3.75 to 6.25 s", took)
				}
			})
		})
	}
}

// TestOneCleaner shows that of five survivors one cleans up, and all are told once.
func TestOneCleaner(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		var survivors []*node
		for i := range 5 {
			survivors = append(survivors, c.start(fmt.Sprint(i)))
		}
		x := c.start("x")
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(time.Minute)
		synctest.Wait()
		if all := c.cleanups(); len(all) != 1 || all[0].dead != x.agent.Self() || all[0].fence == 0 {
			t.Errorf("cleanups %v, want one of x", all)
		}
		for _, n := range survivors {
			if died := n.count("died x"); died != 1 {
				t.Errorf("%s was told %d times that x died", n.id, died)
			}
			if len(n.members()) != 5 {
				t.Errorf("%s sees %v", n.id, n.members())
			}
		}
	})
}

// TestCleanerDies kills the cleaner in the middle: another one does it again, with a larger
// fence, when the claim has run out.
func TestCleanerDies(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		c.hang = true
		c.start("a")
		c.start("b")
		c.start("c")
		x := c.start("x")
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(8 * time.Second)
		synctest.Wait()
		first := c.cleanups()
		if len(first) != 1 {
			t.Fatalf("%d cleanups, want one", len(first))
		}
		c.hang = false
		c.nodes[first[0].by].kill()
		time.Sleep(time.Minute)
		synctest.Wait()
		var ofX []cleanup
		for _, cl := range c.cleanups() {
			if cl.dead.ID == "x" {
				ofX = append(ofX, cl)
			}
		}
		if len(ofX) != 2 || ofX[1].by == ofX[0].by || ofX[1].fence <= ofX[0].fence {
			t.Fatalf("cleanups of x: %v", ofX)
		}
		if took := ofX[1].at.Sub(ofX[0].at); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("the second came %v after the first, want when the claim of 30 s ran out", took)
		}
	})
}

// TestCleanerLeaves shows that a cleaner that leaves gives its claim back.
func TestCleanerLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		c.hang = true
		c.start("a")
		c.start("b")
		x := c.start("x")
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(8 * time.Second)
		synctest.Wait()
		c.hang = false
		c.nodes[c.cleanups()[0].by].close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if all := c.cleanups(); len(all) != 2 || all[1].fence <= all[0].fence || all[1].by == all[0].by {
			t.Errorf("cleanups %v, want a second one at once", all)
		}
	})
}

// TestHookFails shows that all hooks are called again after one failed, panicked, or did not
// end within its claim.
func TestHookFails(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"error": func(context.Context) error { return errors.New("no") },
		"panic": func(context.Context) error { panic("no") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				var mu sync.Mutex
				calls, finished := 0, 0
				a, x := c.start("a"), c.start("x")
				a.agent.OnCleanup(func(ctx context.Context, dead lease.Member, _ uint64) error {
					mu.Lock()
					calls++
					first := calls == 1
					mu.Unlock()
					if first {
						return fail(ctx)
					}
					return nil
				})
				a.agent.OnCleanup(func(context.Context, lease.Member, uint64) error {
					mu.Lock()
					defer mu.Unlock()
					finished++
					return nil
				})
				time.Sleep(10 * time.Second)
				x.kill()
				time.Sleep(2 * time.Minute)
				all := c.cleanups()
				mu.Lock()
				defer mu.Unlock()
				if len(all) != 2 || calls != 2 || finished != 1 || all[1].fence <= all[0].fence {
					t.Errorf("first hook %v, %d calls of the second, %d of the third", all, calls, finished)
				}
				a.saw("joined x", "died x")
			})
		})
	}
}

// TestOutageLosesNobody takes the backend away from all nodes for longer than a lease.
func TestOutageLosesNobody(t *testing.T) {
	for name, hang := range map[string]bool{"refuses": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				for i := range 5 {
					c.start(fmt.Sprint(i))
				}
				time.Sleep(10 * time.Second)
				c.outage(true, hang)
				time.Sleep(10 * time.Second)
				c.outage(false, false)
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, n := range c.nodes {
					n.mustBeUndisturbed(5)
				}
			})
		})
	}
}

// TestPausedNodeIsReborn stops a node for ten seconds, as SIGSTOP does.
func TestPausedNodeIsReborn(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, b := c.start("a"), c.start("b")
		time.Sleep(10 * time.Second)
		before := b.agent.Self()
		b.port.pause(true)
		time.Sleep(10 * time.Second)
		b.port.pause(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		after := b.agent.Self()
		if before.Incarnation == after.Incarnation || before.ID != after.ID {
			t.Errorf("before %v, after %v", before, after)
		}
		b.saw("joined a", "lost "+before.Incarnation+" "+after.Incarnation)
		a.saw("joined b", "died b", "joined b")
		if all := c.cleanups(); len(all) != 1 || all[0].dead != before {
			t.Errorf("cleanups %v, want one of %v", all, before)
		}
		if got := a.members(); !slices.Equal(got, []string{"a alive", "b alive"}) {
			t.Errorf("a sees %v", got)
		}
	})
}

// TestStubbornHook has a hook heed nothing, on the only survivor. It is not called beside itself.
func TestStubbornHook(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, x := c.start("a"), c.start("x")
		release := make(chan struct{})
		a.agent.OnCleanup(func(context.Context, lease.Member, uint64) error { <-release; return nil })
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(2 * time.Minute)
		if n := len(c.cleanups()); n != 1 {
			t.Errorf("%d cleanups at a time", n)
		}
		close(release)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(c.cleanups()); n != 2 {
			t.Errorf("%d cleanups, want another one, as the first took too long", n)
		}
		a.saw("joined x", "died x")
	})
}

// TestLostWhileCleaning pauses a node that cleans up: its hooks end with its life.
func TestLostWhileCleaning(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, x := c.start("a"), c.start("x")
		var ended time.Time
		a.agent.OnCleanup(func(ctx context.Context, dead lease.Member, _ uint64) error {
			if dead.ID == "x" && ended.IsZero() {
				<-ctx.Done()
				ended = time.Now()
				return ctx.Err()
			}
			return nil
		})
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(8 * time.Second)
		b := c.start("b")
		time.Sleep(7 * time.Second)
		a.port.pause(true)
		time.Sleep(9 * time.Second)
		a.port.pause(false)
		resumed := time.Now()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if a.count("joined b") != 1 || b.count("died a") != 1 {
			t.Fatalf("a was told %v, b %v", a.told, b.told)
		}
		if ended.IsZero() || ended.After(resumed.Add(time.Second)) {
			t.Errorf("the hook went on %v after its node was back", ended.Sub(resumed))
		}
	})
}
