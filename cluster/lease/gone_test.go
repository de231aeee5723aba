package lease_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// TestGone shows who counts as none of the cluster's, and that a node that does not know says no.
func TestGone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		stranger := lease.Member{ID: "stranger", Incarnation: "1"}
		a, x := c.start("a"), c.start("x")
		life := x.agent.Self()
		gone := func(what string, m lease.Member, want bool) {
			t.Helper()
			if got := a.agent.Gone(m); got != want {
				t.Errorf("%s: %v is gone: %v", what, m.ID, got)
			}
		}
		gone("at first", stranger, false)
		time.Sleep(10 * time.Second)
		gone("later", stranger, true)
		gone("itself", a.agent.Self(), false)
		gone("alive", life, false)
		c.mu.Lock()
		c.hang = true
		c.mu.Unlock()
		x.kill()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !slices.Contains(a.members(), "x dead") {
			t.Fatalf("a sees %v", a.members())
		}
		gone("being cleaned up after", life, false)
		c.mu.Lock()
		c.hang = false
		c.mu.Unlock()
		time.Sleep(time.Minute)
		gone("cleaned up after", life, true)
		c.outage(true, false)
		time.Sleep(4 * time.Second)
		gone("in an outage", stranger, false)
		c.outage(false, false)
		time.Sleep(2 * time.Second)
		gone("after it", stranger, false)
		time.Sleep(8 * time.Second)
		gone("long after it", stranger, true)
	})
}

// TestAbandon shows that a node that does not give its lease back is cleaned up after.
func TestAbandon(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, x := c.start("a"), c.start("x")
		time.Sleep(10 * time.Second)
		life := x.agent.Self()
		if err := x.agent.Abandon(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := x.agent.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		a.saw("joined x", "died x")
		if all := c.cleanups(); len(all) != 1 || all[0].dead != life {
			t.Errorf("cleanups %v, want one of %v", all, life)
		}
	})
}

// A stumble fails from the moment on that it tells a node that its lease was claimed.
type stumble struct {
	lease.Registry
	fell atomic.Bool
}

func (s *stumble) Renew(ctx context.Context, r lease.Renewal) (lease.View, error) {
	if s.fell.Load() {
		return lease.View{}, errDown
	}
	v, err := s.Registry.Renew(ctx, r)
	s.fell.Store(v.Standing == lease.Claimed)
	return v, err
}

// TestSelfHasALease shows that a node does not show a life before this has a lease: what it
// wrote under it would be nobody's to clean up.
func TestSelfHasALease(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		c.start("a")
		s := &stumble{Registry: c.registry}
		c.port = s
		x := c.start("x")
		old := x.agent.Self()
		time.Sleep(10 * time.Second)
		x.port.pause(true)
		time.Sleep(10 * time.Second)
		x.port.pause(false)
		time.Sleep(10 * time.Second)
		if !s.fell.Load() || x.agent.Self() != old {
			t.Errorf("fell %v, is %v, was %v", s.fell.Load(), x.agent.Self(), old)
		}
		s.fell.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		now := x.agent.Self()
		if now == old || x.count("lost "+old.Incarnation+" "+now.Incarnation) != 1 {
			t.Errorf("is %v, was told %q", now, x.told)
		}
	})
}
