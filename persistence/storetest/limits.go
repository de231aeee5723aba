package storetest

import (
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// LimitOptions tell the suite of limits about a store.
type LimitOptions struct {
	// Bubble runs a case in which time is fake: synctest.Test. nil: time is real.
	Bubble func(t *testing.T, test func(t *testing.T))

	// Unit is the Interval of the cases about time. Where time is real it has to be long
	// beside the store's delays.
	//
	// Defaults to one second.
	Unit time.Duration
}

// A limitScene is one case's store and what it is used with.
type limitScene struct {
	T
	store ratelimit.Store
	unit  time.Duration
	fake  bool // time passes only while the case waits
}

type limitCase struct {
	name string
	run  func(s *limitScene)
}

var limitCases = []limitCase{
	{"RL-02/window_passes", limitWindowPasses},
	{"RL-02/window_begins_with_the_first", limitWindowBegins},
	{"bucket/refills_evenly", limitBucketRefills},
	{"bucket/burst_is_bounded", limitBucketBurst},
	{"sliding/any_stretch", limitSlidingStretch},
	{"sliding/comes_back", limitSlidingComesBack},
	{"cost/all_or_nothing", limitAllOrNothing},
	{"cost/runs_in_order", limitRuns},
	{"cost/largest", limitLargest},
	{"look/changes_nothing", limitLook},
	{"RL-06/block", limitBlock},
	{"RL-06/block_keeps_what_was_allowed", limitBlockInRun},
	{"RL-07/block_outlives_the_window", limitBlockOutlives},
	{"RL-08/ban_and_unban", limitBanUnban},
	{"RL-08/ban_again", limitBanAgain},
	{"RL-09/ban_of_an_unknown_key", limitBanUnknown},
	{"RL-11/keys_are_apart", limitKeysApart},
	{"RL-11/limits_are_apart", limitLimitsApart},
	{"RL-13/reset", limitReset},
	{"RL-13/clear", limitClear},
	{"RL-14/batch_of_many_keys", limitBatch},
	{"lease/takes_points", limitLease},
	{"lease/leaves_no_room", limitLeaseRoom},
	{"lease/none_for_the_refused", limitLeaseRefused},
	{"lease/fixed_ends_with_its_window", limitLeaseFixed},
	{"policy/other_points", limitOtherPoints},
	{"beside/exact", limitBeside},
	{"context/ended_before", limitContext},
	{"model/random_calls", limitModel},
}

// Limits runs the suite of a ratelimit.Store. Open returns an empty one and leaves closing
// it to t.Cleanup; every case calls it once.
func Limits(t *testing.T, open func(t *testing.T) ratelimit.Store, opts LimitOptions) {
	t.Helper()
	if opts.Unit == 0 {
		opts.Unit = time.Second
	}
	for _, c := range limitCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T) {
				c.run(&limitScene{T: t, store: open(t), unit: opts.Unit, fake: opts.Bubble != nil})
			}
			if opts.Bubble == nil {
				test(t)
				return
			}
			opts.Bubble(t, test)
		})
	}
}

// policy is a limit of the kind with so many points in a unit.
func (s *limitScene) policy(kind ratelimit.Kind, points int) ratelimit.Policy {
	s.Helper()
	p := ratelimit.Policy{Name: "limit", Kind: kind, Points: points, Interval: s.unit}
	if faults := p.Faults(); len(faults) > 0 {
		s.Fatalf("policy: %v", faults)
	}
	return p
}

// take takes from keys with equal places, and checks what holds for every answer.
func (s *limitScene) take(p ratelimit.Policy, batch ...ratelimit.Want) []ratelimit.Grant {
	s.Helper()
	grants, err := s.store.Take(s.Context(), p, batch)
	if err != nil {
		s.Fatalf("Take: %v", err)
	}
	if len(grants) != len(batch) {
		s.Fatalf("Take of %d wants: %d grants", len(batch), len(grants))
	}
	for i, g := range grants {
		if fault := grantFault(p, batch[i], g); fault != "" {
			s.Fatalf("Take(%+v) = %+v: %s", batch[i], g, fault)
		}
	}
	return grants
}

func grantFault(p ratelimit.Policy, w ratelimit.Want, g ratelimit.Grant) string {
	switch {
	case g.Allowed < 0 || g.Allowed > w.Count:
		return "allowed is not within 0 and count"
	case g.Leased < 0 || g.Leased > w.Ahead:
		return "leased is not within 0 and ahead"
	case g.Leased > 0 && (g.LeaseFor <= 0 || g.LeaseFor > time.Second):
		return "a lease lasts up to a second"
	case g.Remaining < 0 || g.Remaining+g.Allowed*w.Cost+g.Leased > p.Points:
		return "more points than there are"
	case g.Blocked && g.Remaining > 0:
		return "points remain though it is blocked"
	case g.Next < 0 || g.Next > g.Reset:
		return "next is not within 0 and reset"
	case !g.Blocked && g.Remaining < p.Points && g.Next == 0:
		return "no time until the next point"
	case !g.Blocked && g.Remaining == p.Points && g.Reset != 0:
		return "time until all are there, which they are"
	}
	return ""
}

// consume consumes once.
func (s *limitScene) consume(p ratelimit.Policy, key string, cost int) ratelimit.Grant {
	s.Helper()
	return s.take(p, ratelimit.Want{Key: key, Cost: cost, Count: 1})[0]
}

// want consumes once and compares.
func (s *limitScene) want(p ratelimit.Policy, key string, cost, allowed, remaining int) ratelimit.Grant {
	s.Helper()
	g := s.consume(p, key, cost)
	if g.Allowed != allowed || g.Remaining != remaining {
		s.Errorf("consume %d of %s: allowed %d, remaining %d; want %d, %d", cost, key, g.Allowed, g.Remaining, allowed, remaining)
	}
	return g
}

// look returns how a key stands.
func (s *limitScene) look(p ratelimit.Policy, key string) ratelimit.Grant {
	s.Helper()
	return s.take(p, ratelimit.Want{Key: key})[0]
}

func (s *limitScene) change(p ratelimit.Policy, key string, c ratelimit.Change) {
	s.Helper()
	if err := s.store.Change(s.Context(), p, key, c); err != nil {
		s.Fatalf("Change(%+v): %v", c, err)
	}
}

// pass lets time pass.
func (s *limitScene) pass(d time.Duration) { <-time.After(d) }

// close reports whether a duration is what it should be, give or take what passed since began.
func (s *limitScene) close(what string, got, want time.Duration, began time.Time) {
	s.Helper()
	if least := want - time.Since(began) - time.Millisecond; got > want || got < least {
		s.Errorf("%s is %v, want %v to %v", what, got, least, want)
	}
}
