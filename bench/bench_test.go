//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bench/child"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/suite"
)

func TestMain(m *testing.M) {
	child.Main()
	os.Exit(m.Run())
}

// The whole program, small: the real node is built, started and measured beside
// the floor, in every kind of scenario.
func TestQuick(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--quick", "--duration", "100ms", "--out", out}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stderr.String(), stdout.String())
	}
	files, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("results: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Scenarios) != len(suite.Quick()) || r.Machine.Cores == 0 || !strings.Contains(r.Command, "--quick") {
		t.Errorf("the report is not complete: %s", text)
	}
	for _, s := range r.Scenarios {
		if s.Skipped != "" || len(s.Targets) == 0 || s.Targets[0].Name != report.Ours || len(s.Targets[0].Rounds) != 1 {
			t.Errorf("%s was not measured: %+v", s.Name, s)
		}
		if !strings.Contains(stdout.String(), "## "+s.Name) {
			t.Errorf("%s has no table", s.Name)
		}
	}
	if markdown, err := os.ReadFile(strings.TrimSuffix(files[0], ".json") + ".md"); err != nil || len(markdown) < 1000 {
		t.Errorf("%d bytes of Markdown, %v", len(markdown), err)
	}
}

func TestFaultsFailTheRun(t *testing.T) {
	t.Parallel()
	clean := report.Scenario{Targets: []report.Target{{Name: report.Ours}}}
	lost := report.Scenario{Targets: []report.Target{{Name: report.Ours, Error: "1 lost"}}}
	for name, c := range map[string]struct {
		scenarios []report.Scenario
		stopped   error
		want      int
	}{
		"all well":  {[]report.Scenario{clean}, nil, 0},
		"a loss":    {[]report.Scenario{clean, lost}, nil, 1},
		"cut short": {[]report.Scenario{clean}, context.Canceled, 1},
	} {
		failed := report.Report{Scenarios: c.scenarios}.Failed()
		if got := exitCode(failed, c.stopped, io.Discard); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		want string // in the error, "" for none
	}{
		{"", ""},
		{"--quick --rounds 2", ""},
		{"--scenario fanout-*,idle-10000 --targets troupe,floor", ""},
		{"--scenario nothing", "nothing matches"},
		{"--scenario [", "not a pattern"},
		{"--targets nobody", "no target"},
		{"--duration 1ms --payload 1 --rounds 0", "--rounds: 0"},
		{"--duration 1ms --payload 1 --rounds 0", "--payload: 1"},
		{"--payload 99999", "--payload"},
		{"--repeats -1", "--repeats"},
		{"fanout", "not a flag"},
		{"--nonsense", "nonsense"},
	} {
		_, err := parse(strings.Fields(c.args), io.Discard)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
	}
}

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if _, err := parse([]string{"--help"}, &stderr); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"go run ./bench --quick", "--targets", "exit code", "-rounds"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in the help", want)
		}
	}
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"--list"}, &stdout, io.Discard); code != 0 {
		t.Errorf("--list ends with %d", code)
	}
	for _, s := range suite.Full() {
		if !strings.Contains(stdout.String(), s.Name) {
			t.Errorf("%s is not listed", s.Name)
		}
	}
}
