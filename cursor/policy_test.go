package cursor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cursor"
)

func TestPolicies(t *testing.T) {
	t.Parallel()
	b := start(t, cursor.Config{Policies: []cursor.Policy{
		{Match: "room:quiet", Off: true},
		{Match: "room:*", Throttle: -1, Tick: time.Second},
	}})
	if p := b.Policy("room:1"); p.Off || p.Throttle != -1 || p.Tick != time.Second || p.TTL != cursor.DefaultTTL ||
		p.MaxData != cursor.DefaultMaxData || p.Select == nil {
		t.Errorf("room:1 %+v", p)
	}
	for _, name := range []string{"room:quiet", "other", "__room:1"} {
		if !b.Policy(name).Off {
			t.Errorf("%s has cursors", name)
		}
	}
	if p := start(t, cursor.Config{}).Policy("any"); p.Off || p.Throttle != cursor.DefaultThrottle || p.Tick != cursor.DefaultTick {
		t.Errorf("without policies %+v", p)
	}
}

func TestPolicyFaults(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]cursor.Policy{
		"match":    {Match: "[", TTL: time.Second},
		"throttle": {Throttle: -2},
		"tick":     {Tick: time.Hour},
		"ttl":      {TTL: time.Millisecond},
		"maxData":  {MaxData: 1 << 20},
	} {
		faults := p.Faults()
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%+v: %v", p, faults)
		}
	}
	if faults := (cursor.Policy{}).WithDefaults().Faults(); len(faults) > 0 {
		t.Errorf("defaults: %v", faults)
	}
	_, err := cursor.Start(cursor.Config{Policies: []cursor.Policy{{}, {Match: "x", TTL: -1}}, Timeout: -1})
	fault, ok := errors.AsType[*cursor.PolicyError](err)
	if !ok || fault.Index != 1 || fault.Match != "x" || !strings.Contains(err.Error(), "system is required") || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("start: %v", err)
	}
	if _, err := cursor.Start(cursor.Config{System: actors.NewSystem(actors.Config{}), Relay: newCluster(t, cursor.Policy{}).bus.Node("a")}); err == nil {
		t.Error("a relay without a store was taken")
	}
}

func TestMetrics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := start(t, cursor.Config{Registerer: reg, Policies: []cursor.Policy{{Match: "room*", TTL: 10 * time.Second}}})
		v := watch(t, b, "room")
		pass(time.Second)
		for range 5 {
			move(t, b, "room", "k", "1")
		}
		move(t, b, "room", "l", "1")
		pass(time.Second)
		move(t, b, "room", "m", "1")
		pass(time.Second)
		if err := testutil.GatherAndCompare(reg, strings.NewReader(`
			# HELP troupe_cursor_boards Boards that have an actor.
			# TYPE troupe_cursor_boards gauge
			troupe_cursor_boards 1
			# HELP troupe_cursor_cursors Cursors on the boards of this node, those of other nodes included.
			# TYPE troupe_cursor_cursors gauge
			troupe_cursor_cursors 3
			# HELP troupe_cursor_updates_total Moves that were taken in.
			# TYPE troupe_cursor_updates_total counter
			troupe_cursor_updates_total{policy="room*"} 7
		`), "troupe_cursor_boards", "troupe_cursor_cursors", "troupe_cursor_updates_total"); err != nil {
			t.Error(err)
		}
		remove(t, b, "room", "k")
		pass(20 * time.Second)
		if err := testutil.GatherAndCompare(reg, strings.NewReader(`
			# HELP troupe_cursor_cursors Cursors on the boards of this node, those of other nodes included.
			# TYPE troupe_cursor_cursors gauge
			troupe_cursor_cursors 0
			# HELP troupe_cursor_removed_total Cursors that vanished.
			# TYPE troupe_cursor_removed_total counter
			troupe_cursor_removed_total{policy="room*",reason="dead"} 0
			troupe_cursor_removed_total{policy="room*",reason="expired"} 2
			troupe_cursor_removed_total{policy="room*",reason="left"} 1
			troupe_cursor_removed_total{policy="room*",reason="missing"} 0
		`), "troupe_cursor_cursors", "troupe_cursor_removed_total"); err != nil {
			t.Error(err)
		}
		want(t, "the viewer", v.sees(), map[string]string{})
	})
}
