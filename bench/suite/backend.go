//go:build linux

package suite

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/bench/report"
)

// empty has the scenario's backend, if it has one, hold nothing.
func (o Options) empty(ctx context.Context, s Scenario) error {
	switch {
	case s.OverRedis():
		return o.Redis.Empty(ctx)
	case s.OverPostgres():
		return o.Postgres.Empty(ctx)
	}
	return nil
}

// spent is the CPU time of the scenario's backend so far; none without one.
func (o Options) spent(ctx context.Context, s Scenario) (time.Duration, error) {
	switch {
	case s.OverRedis():
		return o.Redis.CPU(ctx)
	case s.OverPostgres():
		return o.Postgres.CPU()
	}
	return 0, nil
}

// addSpent files what the backend has spent on n events.
func (s Scenario) addSpent(m map[string]float64, spent time.Duration, n float64) {
	us := spent.Seconds() * 1e6 / n
	switch {
	case s.OverRedis():
		m[report.RedisPerEvent] = us
	case s.OverPostgres():
		m[report.PGPerEvent] = us
	}
}
