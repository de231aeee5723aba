//go:build linux

package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
)

// inProcess runs a program of bench/inproc, or a peer's like it, in a process of
// its own.
func inProcess(ctx context.Context, t Target, s Scenario, o Options) (Sample, error) {
	task := inproc.Task{Program: s.Program, Count: s.Count, History: s.History, Payload: o.Payload,
		Window: s.Window, Room: s.Room, Keys: s.Keys, Topics: s.Topics, Millis: int(o.Duration.Milliseconds())}
	if err := o.empty(ctx, s); err != nil {
		return Sample{}, err
	}
	switch {
	case s.OverRedis():
		task.Redis = o.Redis.Address()
	case s.OverPostgres():
		task.Postgres = o.Postgres.URL()
	}
	command, err := t.Program(task)
	if err != nil {
		return Sample{}, err
	}
	began := time.Now()
	before, err := spentByAll(ctx, s, o)
	if err != nil {
		return Sample{}, err
	}
	output, cpu, err := proc.Run(ctx, command)
	if err != nil {
		return Sample{}, err
	}
	after, err := spentByAll(ctx, s, o)
	if err != nil {
		return Sample{}, err
	}
	sample := Sample{Metrics: map[string]float64{}}
	if err := json.Unmarshal(output, &sample.Metrics); err != nil {
		return Sample{}, fmt.Errorf("%s: read the figures: %w", s.Program, err)
	}
	all := time.Since(began).Seconds() * float64(proc.Cores())
	sample.Metrics[report.Others] = max(0, (after.busy-before.busy-cpu-(after.backend-before.backend)).Seconds()/all)
	if n := sample.Metrics[report.Events]; n > 0 {
		s.addSpent(sample.Metrics, after.backend-before.backend, n)
	}
	return sample, nil
}

// spentByAll is what the machine and the backend have spent.
func spentByAll(ctx context.Context, s Scenario, o Options) (r reading, err error) {
	if r.busy, err = proc.Busy(); err != nil {
		return r, err
	}
	r.backend, err = o.spent(ctx, s)
	return r, err
}
