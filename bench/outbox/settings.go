//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// settings are what the command line says.
type settings struct {
	rows       int
	workers    int
	topics     int
	forwarders int
	receivers  int
	kill       time.Duration
	cut        time.Duration
	delay      time.Duration
	within     time.Duration
	seed       uint64
	out        string
}

const usage = `Outbox publishes inside database transactions while the forwarder is killed again and again, and proves
from everybody's records that each committed row arrived once, in the order of the commits, and nothing else did.

  go run ./bench/outbox                              200,000 rows
  go run ./bench/outbox --rows 20000 --kill 500ms

The exit code is 1 if something was missed, doubled, swapped, or should not have been there.

Flags:
`

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("outbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&s.rows, "rows", 200_000, "rows to publish, 1 to 10000000; a third of the transactions is rolled back")
	flags.IntVar(&s.workers, "workers", 16, "concurrent transactions, 1 to 64")
	flags.IntVar(&s.topics, "topics", 50, "topics, 1 to 10000")
	flags.IntVar(&s.forwarders, "forwarders", 3, "forwarder processes, 1 to 10")
	flags.IntVar(&s.receivers, "receivers", 2, "receivers that follow all topics, 1 to 10")
	flags.DurationVar(&s.kill, "kill", 2*time.Second, "`time` between kills of the forwarder that leads; 0 for none")
	flags.DurationVar(&s.cut, "cut", 0, "`time` between cuts of all of Postgres' connections; 0 for none")
	flags.DurationVar(&s.delay, "delay", 10*time.Millisecond, "longest `time` between a transaction's last row and its end")
	flags.DurationVar(&s.within, "within", 2*time.Minute, "`time` for everything to arrive after the last commit; what comes later counts as missing")
	flags.Uint64Var(&s.seed, "seed", 1, "what the writers do follows from it")
	flags.StringVar(&s.out, "out", "", "`folder` for the records; they are kept")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	return s, s.validate()
}

func (s settings) validate() error {
	var faults []error
	within := func(name string, n, least, most int) {
		if n < least || n > most {
			faults = append(faults, fmt.Errorf("--%s: %d is not within %d to %d", name, n, least, most))
		}
	}
	within("rows", s.rows, 1, 10_000_000)
	within("workers", s.workers, 1, 64)
	within("topics", s.topics, 1, 10_000)
	within("forwarders", s.forwarders, 1, 10)
	within("receivers", s.receivers, 1, 10)
	for name, d := range map[string]time.Duration{"kill": s.kill, "cut": s.cut, "delay": s.delay, "within": s.within} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("--%s: %s is negative", name, d))
		}
	}
	return errors.Join(faults...)
}
