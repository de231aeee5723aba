//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/suite"
)

const usage = `Bench measures Troupe beside its peers: each server in a process of its own, the same cheap
client for all, in turn within the same run. It uses loopback addresses only.

  go run ./bench                                       everything, about an hour
  go run ./bench --quick                               everything small, half a minute, no peers
  go run ./bench --list                                scenarios, and the question each answers
  go run ./bench --scenario 'fanout-*' --rounds 3      some of them
  go run ./bench --targets troupe,floor                without peers
  go run ./bench --scenario fanout-1x1000-w16 --targets troupe --profile profiles
                                                       with CPU profiles of our server

Each figure is the median of the rounds. A round during which others took more than 8 % of the
cores is repeated. The exit code is 1 if a message was lost, doubled or swapped.

Flags:
`

// settings are what the command line says.
type settings struct {
	command   string
	scenarios []suite.Scenario
	targets   []string
	options   suite.Options
	rounds    int
	repeats   int
	out       string
	list      bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{command: strings.Join(append([]string{"go run ./bench"}, args...), " ")}
	s.options.Within = 20 * time.Second
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	scenario := flags.String("scenario", "*", "run scenarios that match one of these comma-separated `patterns`")
	targets := flags.String("targets", "", "measure these comma-separated `servers` (default "+strings.Join(targetNames(), ",")+")")
	quick := flags.Bool("quick", false, "run everything small, once, without peers")
	flags.DurationVar(&s.options.Duration, "duration", 5*time.Second, "measured `time` of a fan-out, 100ms to 10m")
	flags.DurationVar(&s.options.Settle, "settle", 5*time.Second, "`time` that idle connections are left alone, up to 10m")
	flags.IntVar(&s.options.Payload, "payload", 200, fmt.Sprintf("`bytes` of JSON per event, %d to 32768", check.MinPayload))
	flags.StringVar(&s.options.Profile, "profile", "", "write CPU profiles of our server's fan-outs to this `folder`; figures are then not comparable")
	flags.IntVar(&s.rounds, "rounds", 3, "`times` that each scenario is measured, 1 to 100")
	flags.IntVar(&s.repeats, "repeats", 2, "`times` that a disturbed round is repeated, 0 to 20")
	flags.StringVar(&s.out, "out", "bench/results", "`folder` for the results; empty writes none")
	flags.BoolVar(&s.list, "list", false, "print the scenarios and end")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag; see --help", flags.Arg(0))
	}
	s.choose(*quick, flags)
	return s, errors.Join(s.pickScenarios(*scenario, *quick), s.pickTargets(*targets, *quick), s.faults())
}

// choose makes a quick run quick, except where the command line says otherwise.
func (s *settings) choose(quick bool, flags *flag.FlagSet) {
	if !quick {
		return
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["duration"] {
		s.options.Duration = 300 * time.Millisecond
	}
	if !given["settle"] {
		s.options.Settle = 300 * time.Millisecond
	}
	if !given["rounds"] {
		s.rounds = 1
	}
	if !given["repeats"] {
		s.repeats = 0
	}
}

func (s *settings) pickScenarios(patterns string, quick bool) error {
	all := suite.Full()
	if quick {
		all = suite.Quick()
	}
	for _, candidate := range all {
		for pattern := range strings.SplitSeq(patterns, ",") {
			match, err := path.Match(strings.TrimSpace(pattern), candidate.Name)
			if err != nil {
				return fmt.Errorf("--scenario: %q is not a pattern: %w", pattern, err)
			}
			if match {
				s.scenarios = append(s.scenarios, candidate)
				break
			}
		}
	}
	if len(s.scenarios) == 0 {
		return fmt.Errorf("--scenario: nothing matches %q; see --list", patterns)
	}
	return nil
}

func (s *settings) pickTargets(names string, quick bool) error {
	switch {
	case names != "":
		s.targets = strings.Split(names, ",")
	case quick:
		s.targets = []string{report.Ours, report.Floor}
	default:
		s.targets = targetNames()
	}
	for i, name := range s.targets {
		s.targets[i] = strings.TrimSpace(name)
	}
	return checkTargets(s.targets)
}

// faults is everything that is out of bounds.
func (s *settings) faults() error {
	var errs []error
	within := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	o := s.options
	within(o.Duration >= 100*time.Millisecond && o.Duration <= 10*time.Minute, "--duration: %s is not within 100ms to 10m", o.Duration)
	within(o.Settle >= 0 && o.Settle <= 10*time.Minute, "--settle: %s is not within 0 to 10m", o.Settle)
	within(o.Payload >= check.MinPayload && o.Payload <= 32768, "--payload: %d is not within %d to 32768", o.Payload, check.MinPayload)
	within(s.rounds >= 1 && s.rounds <= 100, "--rounds: %d is not within 1 to 100", s.rounds)
	within(s.repeats >= 0 && s.repeats <= 20, "--repeats: %d is not within 0 to 20", s.repeats)
	return errors.Join(errs...)
}

func list(w io.Writer) {
	for _, s := range suite.Full() {
		fmt.Fprintf(w, "%-22s %s\n", s.Name, s.Question)
	}
}
