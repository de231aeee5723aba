//go:build linux

package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/bench/check"
)

// ErrDoesNotFit is wrapped when the machine's limits forbid a scenario.
var ErrDoesNotFit = errors.New("suite: does not fit this machine's limits")

// kinds is what to do for each Kind, given a session.
var kinds = map[Kind]func(context.Context, *session) (Sample, error){
	FlatOut:      flatOut,
	Paced:        paced,
	Idle:         idle,
	ConnectStorm: connectStorm,
	ResumeStorm:  resumeStorm,
}

// Round runs a scenario once on a fresh server. The error also tells of faults:
// a run that loses, doubles or swaps anything has no figures worth having.
func Round(ctx context.Context, t Target, s Scenario, o Options) (Sample, error) {
	if s.Kind == InProcess {
		return inProcess(ctx, t, s, o)
	}
	const ownFiles = 60 // what client and server need besides connections
	if need := s.Connections() + maxPublishers + ownFiles; need > o.Files {
		return Sample{}, fmt.Errorf("%w: %s needs %d open files, the limit is %d", ErrDoesNotFit, s.Name, need, o.Files)
	}
	x, err := open(ctx, t, s, o)
	if err != nil {
		return Sample{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	defer x.close()
	sample, err := kinds[s.Kind](ctx, x)
	if err != nil {
		return sample, fmt.Errorf("%w%s", err, x.excuse())
	}
	return sample, faultError(t, sample.Faults)
}

func faultError(t Target, f check.Faults) error {
	if f.Total() == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d lost, %d duplicated, %d reordered", t.Name, f.Lost, f.Duplicated, f.Reordered)
}

// excuse is what the servers printed, which is nothing if they are content.
func (x *session) excuse() (all string) {
	for _, n := range x.nodes {
		if said := n.process.Output(); said != "" {
			all += "\nthe server printed last:\n" + said
		}
	}
	return all
}
