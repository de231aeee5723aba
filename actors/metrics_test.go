package actors_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/actors"
)

func TestMetricsTellALife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		s := start(t, actors.Config{Registerer: reg})
		k := keep(t, s, actors.Kind[note]{MaxQueue: 2, MaxFailures: 2}, nil)
		tell(t, k, "idle", note{})
		time.Sleep(time.Minute)
		hold := make(chan struct{})
		tell(t, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold }})
		synctest.Wait()
		tell(t, k, "a", bug(errBug))
		tell(t, k, "a", bug(errBug))
		if err := k.Tell("a", note{}); !errors.Is(err, actors.ErrFull) {
			t.Fatal(err)
		}
		close(hold)
		synctest.Wait()
		tell(t, k, "a", note{}) // waits behind the second panic
		time.Sleep(time.Second)
		synctest.Wait()
		tell(t, k, "b", note{})
		synctest.Wait()
		want := `
# HELP troupe_actors_alive Actors that are spawned and not yet stopped.
# TYPE troupe_actors_alive gauge
troupe_actors_alive{kind="probe"} 1
# HELP troupe_actors_dead_letters_total Messages taken but not handled to their end, by reason.
# TYPE troupe_actors_dead_letters_total counter
troupe_actors_dead_letters_total{kind="none",reason="unaddressed"} 0
troupe_actors_dead_letters_total{kind="probe",reason="closed"} 0
troupe_actors_dead_letters_total{kind="probe",reason="failed"} 1
troupe_actors_dead_letters_total{kind="probe",reason="panicked"} 2
troupe_actors_dead_letters_total{kind="probe",reason="passivated"} 0
# HELP troupe_actors_panics_total Panics of actors and of the work they started.
# TYPE troupe_actors_panics_total counter
troupe_actors_panics_total{kind="probe"} 2
# HELP troupe_actors_passivated_total Actors retired because they were idle.
# TYPE troupe_actors_passivated_total counter
troupe_actors_passivated_total{kind="probe"} 1
# HELP troupe_actors_refused_total Messages refused because a mailbox was full.
# TYPE troupe_actors_refused_total counter
troupe_actors_refused_total{kind="probe"} 1
# HELP troupe_actors_restarts_total Restarts of actors after a panic.
# TYPE troupe_actors_restarts_total counter
troupe_actors_restarts_total{kind="probe"} 1
# HELP troupe_actors_spawned_total Actors spawned.
# TYPE troupe_actors_spawned_total counter
troupe_actors_spawned_total{kind="probe"} 3
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
	})
}
