package lease_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// An auditor stands between the ports and the registry and checks every claim.
type auditor struct {
	lease.Registry
	t *testing.T

	mu      sync.Mutex
	renewed map[lease.Member]time.Time // last, by true time
	left    map[lease.Member]bool
	claimed map[lease.Member]bool // ever; such a life is over, whatever an emptied registry says
	fence   uint64
}

func (a *auditor) Leave(ctx context.Context, self lease.Member) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.Registry.Leave(ctx, self)
	if err == nil {
		a.left[self] = true
	}
	return err
}

func (a *auditor) Renew(ctx context.Context, r lease.Renewal) (lease.View, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, err := a.Registry.Renew(ctx, r)
	if err == nil && v.Standing == lease.Held && !a.claimed[r.Self] {
		a.renewed[r.Self] = time.Now()
	}
	return v, err
}

func (a *auditor) Claim(ctx context.Context, c lease.Claim) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fence, err := a.Registry.Claim(ctx, c)
	if fence == 0 || err != nil {
		return fence, err
	}
	if since := time.Since(a.renewed[c.Dead]); since < lease.DefaultTTL && !a.claimed[c.Dead] {
		a.t.Errorf("%s claimed %s, who had renewed %v ago", c.By.ID, c.Dead.ID, since)
	}
	if fence <= a.fence {
		a.t.Errorf("fence %d after %d", fence, a.fence)
	}
	a.fence, a.claimed[c.Dead] = fence, true
	return fence, nil
}

// An event of a plan, and how long after the one before.
type event struct {
	After time.Duration
	What  string
	Node  int
	For   time.Duration
}

var happenings = []string{"pause", "cut", "hang", "outage", "freeze", "kill", "leave", "forward", "hooks fail", "empty"}

func drawPlan(rt *rapid.T) (nodes int, plan []event) {
	nodes = rapid.IntRange(3, 5).Draw(rt, "nodes")
	event := rapid.Custom(func(rt *rapid.T) event {
		ms := func(least, most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(rt, name)) * time.Millisecond
		}
		most := rapid.SampledFrom([]int{300, 9000}).Draw(rt, "within") // storms, and time to recover
		return event{ms(0, most, "after"), rapid.SampledFrom(happenings).Draw(rt, "what"),
			rapid.IntRange(0, nodes-1).Draw(rt, "node"), ms(10, 15000, "for")}
	})
	return nodes, rapid.SliceOfN(event, 1, 25).Draw(rt, "plan")
}

// TestMembershipHolds runs random pauses, cuts, outages, deaths and restarts, other ones each
// time. Claims are checked as they happen, the whole at the end.
func TestMembershipHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		nodes, plan := drawPlan(rt)
		if !t.Run("plan", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runPlan(t, nodes, plan) })
		}) {
			rt.Fatalf("%d nodes: %v", nodes, plan)
		}
	})
}

func runPlan(t *testing.T, nodes int, plan []event) {
	mem := lease.NewMemRegistry()
	audit := &auditor{Registry: mem, t: t, renewed: map[lease.Member]time.Time{}, left: map[lease.Member]bool{}, claimed: map[lease.Member]bool{}}
	c := &cluster{t: t, registry: mem, port: audit, nodes: map[string]*node{}}
	defer c.close()
	ids := make([]string, nodes)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
		c.start(ids[i])
	}
	var later sync.WaitGroup
	emptied := false
	for _, e := range plan {
		time.Sleep(e.After)
		emptied = emptied || e.What == "empty"
		c.happen(e, ids[e.Node], &later)
	}
	later.Wait()
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	c.mustAgree(ids)
	for _, id := range ids {
		if life := c.nodes[id].agent.Self(); audit.claimed[life] {
			t.Errorf("%v was claimed and lives", life)
		}
	}
	if !emptied {
		c.mustBeClean(audit)
	}
}

func (c *cluster) happen(e event, id string, later *sync.WaitGroup) {
	n := c.nodes[id]
	during := func(begin, end func()) {
		begin()
		later.Go(func() {
			time.Sleep(e.For)
			end()
		})
	}
	switch e.What {
	case "pause":
		during(func() { n.port.pause(true) }, func() { n.port.pause(false) })
	case "cut", "hang":
		during(func() { n.port.fail(true, e.What == "hang") }, func() { n.port.fail(false, false) })
	case "outage", "freeze":
		ports := c.ports()
		set := func(on bool) {
			for _, p := range ports {
				p.fail(on, e.What == "freeze")
			}
		}
		during(func() { set(true) }, func() { set(false) })
	case "kill":
		n.port.pause(false)
		n.kill()
		c.start(id)
	case "leave":
		n.port.pause(false)
		n.close()
		c.start(id)
	case "forward":
		c.registry.Shift(2*time.Second + e.For*100)
	case "hooks fail":
		set := func(on bool) { c.mu.Lock(); defer c.mu.Unlock(); c.hang = on }
		during(func() { set(true) }, func() { set(false) })
	case "empty":
		c.registry.Empty()
	}
}

// mustAgree checks that all nodes see the same members: those who live.
func (c *cluster) mustAgree(ids []string) {
	var want []lease.Member
	for _, id := range ids {
		want = append(want, c.nodes[id].agent.Self())
	}
	for _, id := range ids {
		var got []lease.Member
		for _, l := range c.nodes[id].agent.Members() {
			if l.State != lease.Alive {
				c.t.Errorf("%s sees %s %s", id, l.ID, l.State)
			}
			got = append(got, l.Member)
		}
		if !slices.Equal(got, want) {
			c.t.Errorf("%s sees %v, want %v", id, got, want)
		}
	}
}

// mustBeClean checks that every life that is over was left or cleaned up after.
func (c *cluster) mustBeClean(audit *auditor) {
	cleaned := map[lease.Member]bool{}
	for _, cl := range c.cleanups() {
		cleaned[cl.dead] = true
	}
	for life := range audit.renewed {
		if life != c.nodes[life.ID].agent.Self() && !cleaned[life] && !audit.left[life] {
			c.t.Errorf("nobody cleaned up after %v", life)
		}
	}
}
