//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/bench/pgd"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/redisd"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/suite"
)

// measure builds the servers, runs the scenarios and writes the results. It
// reports whether something failed that was measured.
func measure(ctx context.Context, s settings, stdout, stderr io.Writer) (failed bool, err error) {
	files, err := proc.RaiseFiles()
	if err != nil {
		return false, err
	}
	s.options.Files = files
	dir, err := os.MkdirTemp("", "troupe-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)

	fmt.Fprintln(stderr, "building the servers ...")
	root, err := moduleRoot(ctx)
	if err != nil {
		return false, err
	}
	b := &builder{root: root, dir: dir, profile: s.options.Profile != ""}
	targets, err := b.build(ctx, s.targets)
	if err != nil {
		return false, err
	}
	stop, err := s.startBackends(ctx, dir)
	defer stop()
	if err != nil {
		return false, err
	}
	result := describe(ctx, s, root)
	u := suite.Suite{
		Scenarios: s.scenarios, Targets: targets, Options: s.options, Rounds: s.rounds, Repeats: s.repeats,
		Progress: func(line string) { fmt.Fprintln(stderr, line) },
		Finished: func(done report.Scenario) { fmt.Fprint(stdout, done.Text()) },
	}
	var stopped error
	result.Scenarios, stopped = u.Run(ctx)
	if err := save(result, s.out, stderr); err != nil {
		return false, err
	}
	return result.Failed(), stopped
}

// startBackends starts what the scenarios need, and returns what ends it: a Redis that keeps nothing on
// disk, and a Postgres with its defaults, which waits for the disk.
func (s *settings) startBackends(ctx context.Context, dir string) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	if slices.ContainsFunc(s.scenarios, suite.Scenario.OverRedis) {
		if s.options.Redis, err = redisd.Start(ctx, dir); err != nil {
			return stop, err
		}
		stops = append(stops, s.options.Redis.Stop)
	}
	if slices.ContainsFunc(s.scenarios, suite.Scenario.OverPostgres) {
		if s.options.Postgres, err = pgd.Start(ctx, dir); err != nil {
			return stop, err
		}
		stops = append(stops, s.options.Postgres.Stop)
	}
	return stop, nil
}

// describe says on what, from what and how the figures were made.
func describe(ctx context.Context, s settings, root string) report.Report {
	return report.Report{
		Machine: proc.Describe(),
		Date:    time.Now().UTC().Format(time.RFC3339),
		Commit:  commit(ctx, root),
		Command: s.command,
		Payload: s.options.Payload,
	}
}

// commit is the one that is checked out, marked if files differ from it; empty
// outside a repository.
func commit(ctx context.Context, root string) string {
	out, _, err := proc.Run(ctx, proc.Command{Path: "git", Dir: root,
		Args: []string{"describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"}})
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

// save writes Markdown and JSON under the same name. A run that was stopped
// early keeps what it has.
func save(r report.Report, folder string, stderr io.Writer) error {
	if folder == "" || len(r.Scenarios) == 0 {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("save the results: %w", err)
	}
	name := filepath.Join(folder, time.Now().UTC().Format("20060102-150405"))
	for ending, write := range map[string]func(io.Writer) error{".md": r.WriteMarkdown, ".json": r.WriteJSON} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(name+ending, text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("save the results: %w", err)
		}
	}
	fmt.Fprintf(stderr, "results are in %s.md and .json\n", name)
	return nil
}
