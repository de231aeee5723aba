package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// TestConfig starts with what must not be, and gets all faults at once.
func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*lease.Config)
		want   string
	}{
		"registry":  {func(c *lease.Config) { c.Registry = nil }, "registry is required"},
		"no id":     {func(c *lease.Config) { c.Self.ID = "" }, "id must be"},
		"long id":   {func(c *lease.Config) { c.Self.ID = strings.Repeat("x", lease.MaxID+1) }, "id must be"},
		"id":        {func(c *lease.Config) { c.Self.ID = "a\nb" }, "id must be"},
		"address":   {func(c *lease.Config) { c.Self.Address = "\xff" }, "address and version"},
		"version":   {func(c *lease.Config) { c.Self.Version = strings.Repeat("x", lease.MaxText+1) }, "address and version"},
		"short ttl": {func(c *lease.Config) { c.TTL = 99 * time.Millisecond }, "ttl 99ms"},
		"long ttl":  {func(c *lease.Config) { c.TTL = lease.MaxTTL + 1 }, "ttl 1m0.000000001s"},
		"every":     {func(c *lease.Config) { c.Every = 2*time.Second + 1 }, "every 2.000000001s"},
		"negative":  {func(c *lease.Config) { c.Every = -1 }, "every -1ns"},
		"claim":     {func(c *lease.Config) { c.ClaimTTL = time.Second }, "claim ttl 1s"},
		"all":       {func(c *lease.Config) { *c = lease.Config{TTL: -1, ClaimTTL: -1} }, "registry is required\nid must be"},
	} {
		cfg := lease.Config{Registry: lease.NewMemRegistry(), Self: lease.Member{ID: "a"}}
		c.change(&cfg)
		agent, err := lease.Start(t.Context(), cfg)
		if agent != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestStartFails shows that a node does not start without a lease, and leaves nothing behind.
func TestStartFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, hang := range map[string]bool{"refuses": false, "hangs": true} {
			p := newPort(lease.NewMemRegistry())
			p.fail(true, hang)
			began := time.Now()
			_, err := lease.Start(t.Context(), lease.Config{Registry: p, Self: lease.Member{ID: "a"}})
			if took := time.Since(began); err == nil || !strings.HasPrefix(err.Error(), "lease: join: ") || took > time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		}
	})
}

// TestClose shows that Close is bounded, and may be called again.
func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		a, x := c.start("a"), c.start("x")
		release := make(chan struct{})
		a.agent.OnCleanup(func(context.Context, lease.Member, uint64) error { <-release; return nil }) // heeds nothing
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.agent.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while a hook hangs: %v", err)
		}
		b := c.start("b")
		time.Sleep(3 * time.Second)
		if members := b.members(); len(members) != 2 { // b, and x, whose claim was given back
			t.Errorf("b sees %v, want that a has left", members)
		}
		close(release)
		if err := a.agent.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestMetrics counts a life with everything in it.
func TestMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		reg := prometheus.NewPedanticRegistry()
		p := newPort(c.registry)
		agent, err := lease.Start(t.Context(), lease.Config{Registry: p, Self: lease.Member{ID: "a"}, Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		x := c.start("x")
		time.Sleep(10 * time.Second)
		x.kill()
		time.Sleep(20 * time.Second)
		c.start("b")
		time.Sleep(10 * time.Second)
		p.pause(true)
		time.Sleep(10 * time.Second)
		p.pause(false)
		time.Sleep(4 * time.Second)
		c.registry.Empty()
		time.Sleep(4 * time.Second)
		if err := agent.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		want := `
# HELP troupe_lease_cleanups_total Dead nodes that this node set out to clean up after, by outcome; outrun: another one had the claim.
# TYPE troupe_lease_cleanups_total counter
troupe_lease_cleanups_total{outcome="done"} 1
troupe_lease_cleanups_total{outcome="failed"} 0
troupe_lease_cleanups_total{outcome="outrun"} 0
# HELP troupe_lease_deaths_total Other nodes that this node saw die.
# TYPE troupe_lease_deaths_total counter
troupe_lease_deaths_total 1
# HELP troupe_lease_emptied_total Times that the backend had lost what it knew.
# TYPE troupe_lease_emptied_total counter
troupe_lease_emptied_total 1
# HELP troupe_lease_invalid_entries Entries of the registry that are malformed and ignored.
# TYPE troupe_lease_invalid_entries gauge
troupe_lease_invalid_entries 0
# HELP troupe_lease_lost_total Times that the others took this node for dead and it registered anew.
# TYPE troupe_lease_lost_total counter
troupe_lease_lost_total 1
# HELP troupe_lease_members Nodes of the cluster as this one sees them, by state.
# TYPE troupe_lease_members gauge
troupe_lease_members{state="alive"} 2
troupe_lease_members{state="dead"} 0
troupe_lease_members{state="suspect"} 0
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_lease_cleanups_total", "troupe_lease_deaths_total",
			"troupe_lease_emptied_total", "troupe_lease_invalid_entries", "troupe_lease_lost_total", "troupe_lease_members"); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
