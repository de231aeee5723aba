//go:build linux

package suite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/child"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/suite"
	"github.com/troupe-rt/troupe/bench/wire"
)

func TestMain(m *testing.M) {
	child.Main()
	if fault := os.Getenv(faultyRole); fault != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := serveFaulty(ctx, os.Getenv(addressVar), fault); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func floorTarget() suite.Target {
	return suite.Target{Name: report.Floor, Protocol: wire.Floor{}, Health: "/healthz", Command: child.Floor}
}

func faultyTarget(fault string) suite.Target {
	t := floorTarget()
	t.Name = "faulty"
	t.Command = func(listen string) (proc.Command, error) {
		self, err := os.Executable()
		return proc.Command{Path: self, Env: []string{faultyRole + "=" + fault, addressVar + "=" + listen}}, err
	}
	return t
}

var small = suite.Options{Duration: 100 * time.Millisecond, Settle: 50 * time.Millisecond, Payload: 200, Files: 20_000, Within: 2 * time.Second}

func TestEveryKindRunsAndIsClean(t *testing.T) {
	t.Parallel()
	wants := map[suite.Kind]string{
		suite.FlatOut: report.CPUPerDelivery, suite.Paced: report.P99, suite.Idle: report.RSSPerConn,
		suite.ConnectStorm: report.ConnsPerSec, suite.ResumeStorm: report.Seconds,
	}
	for _, s := range suite.Quick() {
		if s.Kind == suite.InProcess || s.Shared() {
			continue // TestQuick in package bench runs those
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			sample, err := suite.Round(t.Context(), floorTarget(), s, small)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := sample.Metrics[wants[s.Kind]]; !ok {
				t.Errorf("no %s in %v", wants[s.Kind], sample.Metrics)
			}
		})
	}
}

func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	s := suite.Scenario{Name: "fault", Kind: suite.FlatOut, Topics: 2, Receivers: 5, Window: 8}
	for fault, want := range map[string]string{
		"lose":   "1 lost, 0 duplicated, 0 reordered",
		"double": "0 lost, 1 duplicated, 0 reordered",
		"swap":   "0 lost, 0 duplicated, 1 reordered",
		"close":  "server closed with 1013",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			_, err := suite.Round(t.Context(), faultyTarget(fault), s, small)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestDoesNotFit(t *testing.T) {
	t.Parallel()
	o := small
	o.Files = 100
	_, err := suite.Round(t.Context(), floorTarget(), suite.Full()[0], o)
	if !errors.Is(err, suite.ErrDoesNotFit) {
		t.Errorf("got %v", err)
	}
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	var lines []string
	var finished []string
	u := suite.Suite{
		Scenarios: []suite.Scenario{
			{Name: "storm", Kind: suite.ConnectStorm, Topics: 1, Receivers: 5},
			{Name: "program", Kind: suite.InProcess, Count: 1},
			{Name: "nodes", Kind: suite.FlatOut, Nodes: 2, Topics: 1, Receivers: 1, Window: 1},
		},
		Targets: []suite.Target{faultyTarget("none"), broken(), floorTarget()},
		Options: small, Rounds: 2,
		Progress: func(line string) { lines = append(lines, line) },
		Finished: func(s report.Scenario) { finished = append(finished, s.Name) },
	}
	got, err := u.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(finished, []string{"storm", "program", "nodes"}) || len(lines) != 5 {
		t.Errorf("finished %v with lines %q", finished, lines)
	}
	targets := got[0].Targets
	if len(targets[0].Rounds) != 2 || len(targets[2].Rounds) != 2 || targets[0].Error+targets[2].Error != "" {
		t.Errorf("the others: %+v", targets)
	}
	if !strings.Contains(targets[1].Error, "not today") || len(targets[1].Rounds) != 0 {
		t.Errorf("the broken one: %+v", targets[1])
	}
	if got[1].Skipped == "" || got[2].Skipped == "" {
		t.Error("a program or nodes over Redis ran without a target that can")
	}
}

func broken() suite.Target {
	t := floorTarget()
	t.Name = "broken"
	t.Command = func(string) (proc.Command, error) {
		return proc.Command{Path: "/bin/sh", Args: []string{"-c", "echo not today >&2; exit 1"}}, nil
	}
	return t
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := suite.Suite{Scenarios: suite.Quick(), Targets: []suite.Target{floorTarget()}, Options: small, Rounds: 1,
		Progress: func(string) {}, Finished: func(report.Scenario) { t.Error("a scenario finished") }}
	if got, err := u.Run(ctx); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestScenariosAreSound(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range slices.Concat(suite.Full(), suite.Quick()) {
		if s.Name == "" || s.Question == "" || names[s.Name] {
			t.Errorf("%+v is nameless, pointless or there twice", s)
		}
		names[s.Name] = true
		ok := s.Topics > 0 && s.Receivers > 0
		switch s.Kind {
		case suite.FlatOut:
			ok = ok && s.Window > 0
		case suite.Paced:
			ok = ok && s.Rate > 0
		case suite.ResumeStorm:
			ok = ok && s.Missed > 0 && s.History
		case suite.InProcess:
			ok = s.Program != "" && (s.Count > 0) != (s.Window > 0 || s.Room > 0)
		}
		if !ok {
			t.Errorf("%s lacks something", s.Name)
		}
	}
}
