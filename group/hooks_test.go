package group_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/group"
)

// TestHooks is what they are told of members with several connections, here and elsewhere.
func TestHooks(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		one, two := w.first().join(w, "g", "ann", "admin"), w.first().join(w, "g", "ann", "")
		away := w.last().join(w, "g", "ann", "")
		for _, c := range []*client{one, one, two} { // leaving twice is leaving once
			if err := w.first().Exit("g", c, c); err != nil {
				w.Fatal(err)
			}
		}
		w.count("g", 1)
		w.first().hooks.sees(w, "join g ann admin", "leave g ann admin")
		w.last().hooks.sees(w, "join g ann admin")
		if err := w.last().Exit("g", away, away); err != nil {
			w.Fatal(err)
		}
		w.last().hooks.sees(w, "join g ann admin", "leave g ann admin")
		w.count("g", 0)
	})
}

// TestSlowHook has a hook that does not return hold up nobody but hooks.
func TestSlowHook(t *testing.T) {
	t.Parallel()
	var release chan struct{}
	slow := func(_ int, cfg *group.Config) {
		release = make(chan struct{}) // inside the bubble
		cfg.Hooks.OnJoin = func(string, group.Member) { <-release }
	}
	inMemory(1)(t, func(w *world) {
		for i := range 100 {
			w.first().join(w, "g", fmt.Sprint("u", i), "")
		}
		w.count("g", 100)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if err := w.first().Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("stop while a hook hangs: %v", err)
		}
		close(release)
	}, slow)
}

// TestHookPanics has a hook panic: it is counted and logged, without what it panicked with,
// and the next call is made.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	reg := prometheus.NewRegistry()
	inMemory(1)(t, func(w *world) {
		ann := w.first().join(w, "g", "ann", "")
		if err := w.first().Exit("g", ann, ann); err != nil {
			w.Fatal(err)
		}
		w.first().hooks.sees(w, "leave g ann member")
	}, func(_ int, cfg *group.Config) {
		cfg.Hooks.OnJoin = func(_ string, m group.Member) { panic("secret of " + m.Key) }
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Registerer = reg
	})
	if text := log.String(); !strings.Contains(text, "a hook of groups panicked") || strings.Contains(text, "secret") {
		t.Errorf("logged %s", text)
	}
	const want = `
		# HELP troupe_group_hook_panics_total Hooks that panicked.
		# TYPE troupe_group_hook_panics_total counter
		troupe_group_hook_panics_total 1
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_group_hook_panics_total"); err != nil {
		t.Error(err)
	}
}

// TestMetrics is what is counted, by the pattern of the policy.
func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	inMemory(1)(t, func(w *world) {
		n, ctx := w.first(), w.Context()
		ann := n.join(w, "room:1", "ann", "")
		n.join(w, "room:1", "ann", "")
		late := newClient("late")
		late.enter(w, n, "room:1", "")
		_, _ = late.answer(w)
		if err := n.Enter("room:1", late.joiner("king"), nil); err == nil {
			w.Error("king")
		}
		_, _ = n.Join(ctx, "room:2", group.Joiner{})
		if err := n.Publish(ctx, "room:1", "hi", nil); err != nil {
			w.Error(err)
		}
		_ = n.Publish(ctx, "room:1", "", nil)
		if err := n.Exit("room:1", ann, ann); err != nil {
			w.Error(err)
		}
		if err := n.CloseGroup(ctx, "room:2"); err != nil {
			w.Error(err)
		}
		late.enter(w, n, "room:2", "")
		_, _ = late.answer(w)
		n.store.set(func(f *faulty) { f.fail = errDown })
		late.enter(w, n, "room:3", "")
		_, _ = late.answer(w)
		n.store.set(func(f *faulty) { f.fail = nil })
	}, policies(group.Policy{Match: "room:*", MaxMembers: 1}), func(_ int, cfg *group.Config) { cfg.Registerer = reg })
	const want = `
		# HELP troupe_group_joins_total Members that joined a group on this node and were not in it here.
		# TYPE troupe_group_joins_total counter
		troupe_group_joins_total{policy="*"} 0
		troupe_group_joins_total{policy="room:*"} 1
		# HELP troupe_group_leaves_total Members whose last connection on this node left a group; not those of groups that were closed.
		# TYPE troupe_group_leaves_total counter
		troupe_group_leaves_total{policy="*"} 0
		troupe_group_leaves_total{policy="room:*"} 1
		# HELP troupe_group_publishes_total Events that the program published to groups.
		# TYPE troupe_group_publishes_total counter
		troupe_group_publishes_total{policy="*"} 0
		troupe_group_publishes_total{policy="room:*"} 1
		# HELP troupe_group_rejected_total Joins that were refused.
		# TYPE troupe_group_rejected_total counter
		troupe_group_rejected_total{policy="*",reason="closed"} 0
		troupe_group_rejected_total{policy="*",reason="full"} 0
		troupe_group_rejected_total{policy="*",reason="other"} 0
		troupe_group_rejected_total{policy="*",reason="role"} 0
		troupe_group_rejected_total{policy="*",reason="unavailable"} 0
		troupe_group_rejected_total{policy="room:*",reason="closed"} 1
		troupe_group_rejected_total{policy="room:*",reason="full"} 1
		troupe_group_rejected_total{policy="room:*",reason="other"} 1
		troupe_group_rejected_total{policy="room:*",reason="role"} 1
		troupe_group_rejected_total{policy="room:*",reason="unavailable"} 1
	`
	names := []string{"troupe_group_joins_total", "troupe_group_leaves_total", "troupe_group_publishes_total", "troupe_group_rejected_total"}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
