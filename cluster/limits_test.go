package cluster

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// Nodes share what is left of a limit, and one that can not reach Redis allows nothing.
func TestNodesShareLimits(t *testing.T) { onEach(t, testNodesShareLimits) }

func testNodesShareLimits(t *testing.T, server shared) {
	policy := ratelimit.Policy{Name: "chat", Kind: ratelimit.Fixed, Points: 10, Interval: time.Hour}
	var all []*Node
	for _, id := range []string{"a", "b"} {
		cfg := server.config()
		cfg.ID, cfg.Limits = id, []ratelimit.Policy{policy}
		all = append(all, startOn(t, cfg))
	}
	allowed := 0
	for i := range 30 {
		r, err := all[i%2].Limits().Consume(t.Context(), "chat", "k", 1)
		if err != nil {
			t.Fatal(err)
		}
		if r.Allowed {
			allowed++
		}
	}
	if allowed != policy.Points {
		t.Errorf("%d were allowed, want %d", allowed, policy.Points)
	}
	server.stop(t)
	if r, err := all[0].Limits().Consume(t.Context(), "chat", "other", 1); err == nil || r.Allowed {
		t.Errorf("without a backend: %+v, %v", r, err)
	}
}

// A node without Redis counts by itself; one without limits has none.
func TestLimitsInMemory(t *testing.T) {
	t.Parallel()
	n := start(t, Config{Limits: []ratelimit.Policy{{Name: "one", Points: 1, Interval: time.Hour}}})
	for _, want := range []bool{true, false} {
		if r, err := n.Limits().Consume(t.Context(), "one", "k", 1); err != nil || r.Allowed != want {
			t.Errorf("%+v, %v, want %v", r, err, want)
		}
	}
	if _, ok := start(t, Config{}).Limits().Policy("one"); ok {
		t.Error("a node without limits has one")
	}
}
