//go:build linux

package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/bench/report"
)

// A Suite is a run of scenarios over targets.
type Suite struct {
	Scenarios []Scenario
	Targets   []Target // measured in turn within every round
	Options   Options
	Rounds    int // of each scenario and target
	Repeats   int // of a round that others disturbed

	// Progress is told in one line what was just done.
	Progress func(line string)
	// Finished is given each scenario's results as soon as they are complete.
	Finished func(report.Scenario)
}

// Run runs everything. A target that fails is not run again in that scenario,
// and the others go on; what is wrong stands in the results. The error is ctx's.
func (u *Suite) Run(ctx context.Context) ([]report.Scenario, error) {
	var all []report.Scenario
	for i, s := range u.Scenarios {
		prefix := fmt.Sprintf("[%d/%d] %s", i+1, len(u.Scenarios), s.Name)
		result := u.scenario(ctx, s, prefix)
		if ctx.Err() != nil {
			return all, fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
		all = append(all, result)
		u.Finished(result)
	}
	return all, nil
}

func (u *Suite) scenario(ctx context.Context, s Scenario, prefix string) report.Scenario {
	result := report.Scenario{Name: s.Name, Question: s.Question, Note: s.Note}
	if len(u.targetsOf(s)) == 0 {
		result.Skipped = "none of the servers that are measured can do it"
	}
	for _, t := range u.targetsOf(s) {
		result.Targets = append(result.Targets, report.Target{Name: t.Name})
	}
	for round := range u.Rounds {
		for i, t := range u.targetsOf(s) {
			into := &result.Targets[i]
			if into.Error != "" || ctx.Err() != nil {
				continue
			}
			r, err := u.round(ctx, t, s, fmt.Sprintf("%s round %d/%d %s", prefix, round+1, u.Rounds, t.Name))
			if ctx.Err() != nil {
				return result
			}
			if errors.Is(err, ErrDoesNotFit) {
				return report.Scenario{Name: s.Name, Question: s.Question, Skipped: err.Error()}
			}
			if err != nil {
				into.Error = err.Error()
				u.Progress(fmt.Sprintf("%s %s FAILED: %v", prefix, t.Name, err))
				continue
			}
			into.Rounds = append(into.Rounds, r)
		}
	}
	return result
}

// targetsOf leaves out those that can not do it.
func (u *Suite) targetsOf(s Scenario) (able []Target) {
	for _, t := range u.Targets {
		if t.can(s) {
			able = append(able, t)
		}
	}
	return able
}

// round measures once, and again while others disturb it, up to Repeats times.
// The least disturbed one counts.
func (u *Suite) round(ctx context.Context, t Target, s Scenario, prefix string) (report.Round, error) {
	var best Sample
	for try := 0; ; try++ {
		sample, err := Round(ctx, t, s, u.Options)
		if err != nil {
			return report.Round{}, err
		}
		u.Progress(prefix + ": " + brief(sample))
		if try == 0 || sample.Metrics[report.Others] < best.Metrics[report.Others] {
			best = sample
		}
		if !sample.Disturbed() || try == u.Repeats {
			return report.Round{Metrics: best.Metrics, Repeated: try, Disturbed: best.Disturbed()}, nil
		}
	}
}

// headlines are the metrics worth a glance while a run goes on.
var headlines = []string{report.EventsPerS, report.RedisPerEvent, report.PGPerEvent, report.CPUPerDelivery, report.DeliveriesPerSec, report.P99, report.RSSPerConn, report.Seconds,
	report.CPUPerConn, report.TopicHeap, report.HeapAfter, report.AckedOne, report.PostedPerS, report.Others}

func brief(s Sample) string {
	text := ""
	for _, m := range report.Catalog {
		for _, key := range headlines {
			if v, ok := s.Metrics[m.Key]; ok && m.Key == key {
				text += fmt.Sprintf("%s %s; ", report.Format(m, v), m.Label)
			}
		}
	}
	return text[:max(0, len(text)-2)]
}
