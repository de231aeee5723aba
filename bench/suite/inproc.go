//go:build linux

package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/bench/child"
	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
)

// inProcess runs a program of bench/inproc in a process of its own.
func inProcess(ctx context.Context, s Scenario, o Options) (Sample, error) {
	command, err := child.InProcess(inproc.Task{Program: s.Program, Count: s.Count, History: s.History, Payload: o.Payload})
	if err != nil {
		return Sample{}, err
	}
	began := time.Now()
	before, err := proc.Busy()
	if err != nil {
		return Sample{}, err
	}
	output, cpu, err := proc.Run(ctx, command)
	if err != nil {
		return Sample{}, err
	}
	after, err := proc.Busy()
	if err != nil {
		return Sample{}, err
	}
	var sample Sample
	if err := json.Unmarshal(output, &sample.Metrics); err != nil {
		return Sample{}, fmt.Errorf("%s: read the figures: %w", s.Program, err)
	}
	all := time.Since(began).Seconds() * float64(proc.Cores())
	sample.Metrics[report.Others] = max(0, (after-before-cpu).Seconds()/all)
	return sample, nil
}
