//go:build linux

package suite

import (
	"github.com/troupe-rt/troupe/bench/inproc"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
	"github.com/troupe-rt/troupe/bench/wire"
)

// A Target is a server to measure.
type Target struct {
	Name     string
	Protocol wire.Protocol

	// Command starts the server on a loopback address. It has been built.
	Command func(listen string) (proc.Command, error)

	// Node is Command for one of several nodes that share a Redis, given its
	// address as host:port. nil if the server can not do that.
	Node func(listen, redis string) (proc.Command, error)

	// OverPostgres is Node for nodes that share a Postgres, given its URL.
	OverPostgres func(listen, url string) (proc.Command, error)

	// Program runs a program without sockets. nil if the target has none. Only
	// ours has those that need no Redis, and those over Postgres.
	Program func(inproc.Task) (proc.Command, error)

	Health   string // path that answers 200 once it serves
	Metrics  string // path of Prometheus metrics, "" if it has none
	Profiled string // environment variable that takes the address to serve pprof on, "" if it can not
}

// can reports whether the target can do what the scenario asks.
func (t Target) can(s Scenario) bool {
	switch {
	case s.Kind != InProcess && s.OverRedis():
		return t.Node != nil
	case s.Kind != InProcess && s.OverPostgres():
		return t.OverPostgres != nil
	case s.Kind != InProcess:
		return true
	case s.OverRedis():
		return t.Program != nil && (!s.Alone || t.Name == report.Ours)
	}
	return t.Program != nil && t.Name == report.Ours
}
