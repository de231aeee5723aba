package storetest

import (
	"flag"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody reads how the cases that must fail do so, and in a bubble the time to find a shorter way
// would not pass.
func init() { must(flag.Set("rapid.shrinktime", "0s")) }

func TestRosterSuitePasses(t *testing.T) {
	t.Parallel()
	Rosters(t, func(t *testing.T) RosterBackend { return openPlainRosters(t, rosterFaults{}) }, RosterOptions{Bubble: synctest.Test})
}

func TestRosterSuitePassesWithoutBubble(t *testing.T) {
	t.Parallel()
	Rosters(t, func(t *testing.T) RosterBackend { return openPlainRosters(t, rosterFaults{}) }, RosterOptions{Unit: 200 * time.Millisecond})
}

func openPlainRosters(t *testing.T, f rosterFaults) RosterBackend {
	s, bus := newPlainRosters(f)
	t.Cleanup(bus.Close)
	return RosterBackend{Store: s, Relay: bus.Node("node"), Empty: s.lose}
}

// catchesRosters runs one case against a broken RosterStore and tells whether it noticed.
func catchesRosters(t *testing.T, c rosterCase, f rosterFaults) bool {
	w := &witness{}
	synctest.Test(t, func(t *testing.T) {
		w.T = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					w.say("panic") // a store may break the case's assumptions in any way
				}
			}()
			c.run(&rosterScene{w, openPlainRosters(t, f), time.Second})
		}()
		<-done
	})
	return w.Failed()
}

// TestRosterSuiteCatches breaks a RosterStore in many ways. For each, the cases named must fail.
func TestRosterSuiteCatches(t *testing.T) {
	t.Parallel()
	for _, b := range rosterBreaks {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range b.caught {
				at := slices.IndexFunc(rosterCases, func(c rosterCase) bool { return c.name == name })
				if at < 0 {
					t.Fatalf("there is no case %s", name)
				}
				if !catchesRosters(t, rosterCases[at], b.faults) {
					t.Errorf("case %s did not notice", name)
				}
			}
		})
	}
}

// TestEveryRosterCaseCatches shows that no case of the suite is idle.
func TestEveryRosterCaseCatches(t *testing.T) {
	t.Parallel()
	for _, c := range rosterCases {
		if !slices.ContainsFunc(rosterBreaks, func(b brokenRosters) bool { return slices.Contains(b.caught, c.name) }) {
			t.Errorf("nothing shows that case %s can fail", c.name)
		}
	}
}
