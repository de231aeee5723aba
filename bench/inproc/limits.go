//go:build linux

package inproc

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cluster"
)

// limited starts a node with limits that are never reached, always reached, and never
// reached but leased.
func limited(ctx context.Context, t Task) (*cluster.Node, error) {
	const plenty = 1_000_000_000
	return cluster.Start(ctx, t.shared(cluster.Config{ID: "a", Limits: []ratelimit.Policy{
		{Name: "limit", Points: plenty, Interval: time.Hour},
		{Name: "limit-refused", Points: 1, Interval: time.Hour},
		{Name: "limit-leased", Points: plenty, Interval: time.Hour, Lease: 10_000},
	}}))
}

// consumed measures how many consumes are answered; t.Program names the limit, and there
// are t.Keys keys.
func consumed(ctx context.Context, t Task) (map[string]float64, error) {
	node, err := limited(ctx, t)
	if err != nil {
		return nil, err
	}
	defer node.Close()
	keys := make([]string, t.Keys)
	for i := range keys {
		keys[i] = "key:" + strconv.Itoa(i)
		if _, err := node.Limits().Consume(ctx, t.Program, keys[i], 1); err != nil {
			return nil, err
		}
	}
	want := t.Program != "limit-refused"
	var wrong atomic.Int64
	m := &meter{}
	figures, err := m.run(ctx, t, t.Window, func(measured context.Context, i int) error {
		for ; measured.Err() == nil; i += t.Window {
			began := time.Now()
			r, err := node.Limits().Consume(ctx, t.Program, keys[i%len(keys)], 1)
			if err != nil {
				return err
			}
			if r.Allowed != want {
				wrong.Add(1)
			}
			m.done(began)
		}
		return nil
	})
	if n := wrong.Load(); n > 0 && err == nil {
		err = fmt.Errorf("inproc: %s: %d answers were not %t", t.Program, n, want)
	}
	return figures, err
}
