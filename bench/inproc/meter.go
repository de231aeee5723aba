//go:build linux

package inproc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/stats"
)

// A meter counts events and times one in sixteen of them. It is safe for
// concurrent use.
type meter struct {
	events atomic.Int64

	mu      sync.Mutex
	latency stats.Histogram
}

// done counts an event that began then.
func (m *meter) done(began time.Time) { m.took(time.Since(began)) }

// took counts an event that took so long.
func (m *meter) took(d time.Duration) {
	if m.events.Add(1)&15 != 0 {
		return
	}
	m.mu.Lock()
	m.latency.Add(d)
	m.mu.Unlock()
}

// run runs work n times at once, each until its context ends, and measures after
// a warm-up of a quarter of the time.
func (m *meter) run(ctx context.Context, t Task, n int, work func(ctx context.Context, i int) error) (map[string]float64, error) {
	measured := time.Duration(t.Millis) * time.Millisecond
	within, stop := context.WithTimeout(ctx, measured*5/4)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- together(n, func(i int) error { return work(within, i) }) }() // received below
	warm := time.NewTimer(measured / 4)
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-within.Done():
	}
	m.mu.Lock()
	m.latency.Reset()
	m.mu.Unlock()
	began, cpu, events := time.Now(), proc.SelfCPU(), m.events.Load()
	<-within.Done()
	took, spent, count := time.Since(began), proc.SelfCPU()-cpu, float64(max(1, m.events.Load()-events))
	if err := <-failed; err != nil {
		return nil, fmt.Errorf("inproc: %s: %w", t.Program, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return map[string]float64{
		report.Events: float64(m.events.Load()), report.EventsPerS: count / took.Seconds(),
		report.CPUPerEvent: spent.Seconds() * 1e6 / count,
		report.P50:         m.latency.Quantile(0.50).Seconds() * 1e3, report.P99: m.latency.Quantile(0.99).Seconds() * 1e3,
	}, ctx.Err()
}

var started = time.Now()

// sinceStart is a clock that fits the mark of a payload.
func sinceStart() time.Duration { return time.Since(started) }
