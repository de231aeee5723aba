//go:build linux

package suite

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/report"
)

// idle measures what connections hold that get nothing: resident memory as the
// operating system sees it, and for a server in Go what its runtime calls heap
// and stacks. No collection is forced: this is what an operator sees.
func idle(ctx context.Context, x *session) (Sample, error) {
	before, err := x.read(ctx, false)
	if err != nil {
		return Sample{}, err
	}
	if err := x.connectReceivers(ctx, nil); err != nil {
		return Sample{}, err
	}
	end := time.Now().Add(x.options.Settle)
	if err := x.run(ctx, x.options.Settle+x.options.Within, func() bool { return time.Now().After(end) }); err != nil {
		return Sample{}, err
	}
	after, err := x.read(ctx, true)
	if err != nil {
		return Sample{}, err
	}
	faults, err := x.proveAlive(ctx)
	return Sample{Metrics: x.memoryMetrics(before, after), Faults: faults}, err
}

func (x *session) memoryMetrics(before, after reading) map[string]float64 {
	perConn := func(bytes float64) float64 { return bytes / 1024 / float64(x.scenario.Connections()) }
	m := map[string]float64{
		report.RSSPerConn: perConn(float64(after.rss - before.rss)),
		report.Others:     after.others(before),
	}
	for metric, name := range map[string]string{
		report.HeapPerConn:  "go_memstats_heap_inuse_bytes",
		report.StackPerConn: "go_memstats_stack_inuse_bytes",
	} {
		if grown, ok := after.counted(before, name); ok {
			m[metric] = perConn(grown)
		}
	}
	return m
}

// connectStorm measures how fast connections and their subscriptions are taken.
func connectStorm(ctx context.Context, x *session) (Sample, error) {
	before, err := x.read(ctx, false)
	if err != nil {
		return Sample{}, err
	}
	if err := x.connectReceivers(ctx, nil); err != nil {
		return Sample{}, err
	}
	after, err := x.read(ctx, true)
	if err != nil {
		return Sample{}, err
	}
	faults, err := x.proveAlive(ctx)
	return Sample{Metrics: x.connectMetrics(before, after), Faults: faults}, err
}

func (x *session) connectMetrics(before, after reading) map[string]float64 {
	n, seconds := float64(x.scenario.Connections()), after.at.Sub(before.at).Seconds()
	m := map[string]float64{
		report.Seconds:     seconds,
		report.ConnsPerSec: n / seconds,
		report.CPUPerConn:  (after.server - before.server).Seconds() * 1e6 / n,
		report.Others:      after.others(before),
	}
	if x.scenario.OverRedis() {
		m[report.RedisPerConn] = (after.backend - before.backend).Seconds() * 1e6 / n
	}
	return m
}

// proveAlive publishes once to every topic: every receiver must get it.
func (x *session) proveAlive(ctx context.Context) (check.Faults, error) {
	if err := x.connectWriters(ctx); err != nil {
		return check.Faults{}, err
	}
	for range x.writers.topics {
		x.writers.next(x.loop.Now())
	}
	return x.settle(ctx)
}
