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
		Window: s.Window, Room: s.Room, Keys: s.Keys, Millis: int(o.Duration.Milliseconds())}
	if s.OverRedis() {
		task.Redis = o.Redis.Address()
		if err := o.Redis.Empty(ctx); err != nil {
			return Sample{}, err
		}
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
	sample.Metrics[report.Others] = max(0, (after.busy-before.busy-cpu-(after.redis-before.redis)).Seconds()/all)
	if n := sample.Metrics[report.Events]; n > 0 {
		sample.Metrics[report.RedisPerEvent] = (after.redis - before.redis).Seconds() * 1e6 / n
	}
	return sample, nil
}

// spentByAll is what the machine and Redis have spent.
func spentByAll(ctx context.Context, s Scenario, o Options) (r reading, err error) {
	if r.busy, err = proc.Busy(); err != nil || !s.OverRedis() {
		return r, err
	}
	r.redis, err = o.Redis.CPU(ctx)
	return r, err
}
