//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// What the nodes share.
const (
	onRedis    = "redis"
	onPostgres = "postgres"
)

// How it is restarted.
const (
	keepData  = "keep"  // asked to end; it comes back with everything
	killed    = "kill"  // killed; it comes back with what its file has
	emptied   = "empty" // killed; it comes back with nothing
	rolled    = "old"   // killed; it comes back with a copy of its data from a second before
	noRestart = "none"
)

var restarts = []string{keepData, killed, emptied, rolled, noRestart}

// settings are what the command line says.
type settings struct {
	messages    int
	topics      int
	publishers  int
	subscribers int // per node
	nodes       int
	window      int // publishes in flight per publisher
	rate        int // messages per second of all publishers; 0: as fast as they are acknowledged
	payload     int // bytes
	history     int // events that each topic keeps; 0: more than there will be
	backend     string
	restart     string
	fsync       string
	down        time.Duration // how long the backend and the killed node stay away
	cut         time.Duration // between cuts of the backend's connections; 0 for none
	kill        bool          // kill a node
	pause       time.Duration // how long another one stands still; 0 for not
	within      time.Duration // everything arrives after the last publish, or counts as missing
	seed        uint64
	out         string
}

const usage = `Chaos breaks a cluster while clients use it, and proves from everybody's records that nobody
missed anything without being told exactly what.

  go run ./bench/chaos                                   200,000 messages
  go run ./bench/chaos --messages 20000 --restart kill   fewer, Redis is killed
  go run ./bench/chaos --restart empty                   Redis comes back without its data
  go run ./bench/chaos --backend postgres                the same on Postgres alone

The exit code is 1 if something was missed, doubled, swapped or not announced.

Flags:
`

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&s.messages, "messages", 200_000, "messages to publish, 1 to 10000000")
	flags.IntVar(&s.topics, "topics", 30, "topics, 1 to 1000")
	flags.IntVar(&s.publishers, "publishers", 20, "publishing clients, 1 to 1000")
	flags.IntVar(&s.subscribers, "subscribers", 3, "subscribing clients per node, 1 to 100; each follows all topics")
	flags.IntVar(&s.nodes, "nodes", 3, "node processes, 1 to 20")
	flags.IntVar(&s.window, "window", 16, "publishes in flight per publisher, 1 to 1000")
	flags.IntVar(&s.rate, "rate", 4000, "messages per `second` of all publishers together; 0 for as many as are acknowledged")
	flags.IntVar(&s.payload, "payload", 100, "`bytes` of JSON per message, 40 to 16384")
	flags.IntVar(&s.history, "history", 0, "events that each topic keeps, up to 1000000; 0 for more than there will be")
	flags.StringVar(&s.backend, "backend", onRedis, "what the nodes `share`: redis or postgres")
	flags.StringVar(&s.restart, "restart", keepData, "`how` the backend is restarted: "+strings.Join(restarts, ", ")+"; Postgres: not empty, not old")
	flags.StringVar(&s.fsync, "appendfsync", "everysec", "when Redis writes its file to the disk: everysec, always or no")
	flags.DurationVar(&s.down, "down", time.Second, "`time` that the backend, and the killed node, stay away")
	flags.DurationVar(&s.cut, "cut", time.Second, "`time` between cuts of all of the backend's connections; 0 for none")
	flags.BoolVar(&s.kill, "kill-node", true, "kill a node and start it again")
	flags.DurationVar(&s.pause, "pause", 0, "`time` that another node stands still (SIGSTOP), such as 8s, which is longer than its lease; 0 for not")
	flags.DurationVar(&s.within, "within", time.Minute, "`time` for everything to arrive after the last publish")
	flags.Uint64Var(&s.seed, "seed", 1, "`number` from which topics and waiting times are drawn")
	flags.StringVar(&s.out, "out", "", "`folder` to keep the records in; without it they are kept only if there is a fault")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag; see --help", flags.Arg(0))
	}
	return s, s.faults()
}

// faults is everything that is out of bounds.
func (s settings) faults() error {
	var errs []error
	within := func(name string, v, least, most int) {
		if v < least || v > most {
			errs = append(errs, fmt.Errorf("--%s: %d is not within %d to %d", name, v, least, most))
		}
	}
	within("messages", s.messages, 1, 10_000_000)
	within("topics", s.topics, 1, 1000)
	within("publishers", s.publishers, 1, 1000)
	within("subscribers", s.subscribers, 1, 100)
	within("nodes", s.nodes, 1, 20)
	within("window", s.window, 1, 1000)
	within("rate", s.rate, 0, 1_000_000)
	within("history", s.history, 0, 1_000_000)
	within("payload", s.payload, 40, 16384)
	if !slices.Contains(restarts, s.restart) {
		errs = append(errs, fmt.Errorf("--restart: %q is none of %s", s.restart, strings.Join(restarts, ", ")))
	}
	if s.backend != onRedis && s.backend != onPostgres {
		errs = append(errs, fmt.Errorf("--backend: %q is neither redis nor postgres", s.backend))
	}
	if s.backend == onPostgres && (s.restart == emptied || s.restart == rolled) {
		errs = append(errs, fmt.Errorf("--restart: %q is for redis; postgres keeps what it acknowledged", s.restart))
	}
	if !slices.Contains([]string{"everysec", "always", "no"}, s.fsync) {
		errs = append(errs, fmt.Errorf("--appendfsync: %q is none of everysec, always, no", s.fsync))
	}
	if s.down < 0 || s.cut < 0 || s.pause < 0 || s.within <= 0 {
		errs = append(errs, errors.New("--down, --cut, --pause, --within: negative"))
	}
	return errors.Join(errs...)
}

// lossless reports whether the backend can lose nothing that it acknowledged. When Redis
// is killed it has written everything but what the disk was too slow for.
func (s settings) lossless() bool {
	return s.backend == onPostgres || s.restart == keepData || s.restart == noRestart || s.restart == killed && s.fsync == "always"
}

// kept is how many events a topic keeps.
func (s settings) kept() int {
	if s.history > 0 {
		return s.history
	}
	return min(1_000_000, 2*s.messages+100)
}
