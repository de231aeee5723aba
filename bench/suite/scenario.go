//go:build linux

package suite

import (
	"time"

	"github.com/troupe-rt/troupe/bench/pgd"
	"github.com/troupe-rt/troupe/bench/redisd"
)

// A Kind is what is done and what is measured.
type Kind uint8

// Kinds of scenarios. They answer different questions and are never mixed.
const (
	FlatOut      Kind = iota // closed loop: a window of publishes is in flight at all times
	Paced                    // open loop: publishes at a fixed rate, latency counts from when they were due
	Idle                     // subscribed connections that get nothing
	ConnectStorm             // connections and subscriptions as fast as they are accepted
	ResumeStorm              // the same, each with events to catch up on
	InProcess                // no sockets: a program of bench/inproc
)

// A Scenario is one row of the results, as data.
type Scenario struct {
	Name     string
	Question string // that the figures answer
	Kind     Kind

	Topics    int
	Receivers int  // per topic
	Window    int  // publishes in flight, FlatOut, and programs over a backend
	Rate      int  // publishes per second, Paced only
	Nodes     int  // 0: one, all in memory; otherwise they share a backend, publishers are on the first, receivers on the last
	Postgres  bool // the backend is Postgres, not Redis
	Missed    int  // events to catch up on, ResumeStorm only
	History   bool
	Program   string // InProcess only
	Room      int    // InProcess only: members who are there
	Keys      int    // InProcess only: keys of a limit
	Alone     bool   // no peer has it
	Count     int    // InProcess only: how many topics or publishes; 0: for Duration, over a backend
	Note      string // figures from elsewhere, and where
}

// Shared reports whether the scenario needs a backend.
func (s Scenario) Shared() bool { return s.Nodes > 0 || s.Kind == InProcess && s.Count == 0 }

// OverRedis reports whether the scenario needs a Redis.
func (s Scenario) OverRedis() bool { return s.Shared() && !s.Postgres }

// OverPostgres reports whether the scenario needs a Postgres.
func (s Scenario) OverPostgres() bool { return s.Shared() && s.Postgres }

// Connections is how many clients the scenario needs, without publishers.
func (s Scenario) Connections() int { return s.Topics * s.Receivers }

// Options are what holds for all scenarios of a run.
type Options struct {
	Duration time.Duration  // of the measured part of FlatOut and Paced
	Settle   time.Duration  // how long Idle waits before it measures
	Payload  int            // bytes of the data of an event
	Files    int            // limit of open files of each process
	Within   time.Duration  // everything arrives after the last publish, or counts as lost
	Redis    *redisd.Server // for scenarios OverRedis; emptied before each round
	Postgres *pgd.Server    // for scenarios OverPostgres; emptied before each round
	Profile  string         // folder for CPU profiles of our server, "" for none
}
