package suite

import (
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/wire"
)

// A Target is a server to measure.
type Target struct {
	Name     string
	Protocol wire.Protocol

	// Command starts the server on a loopback address. It has been built.
	Command func(listen string) (proc.Command, error)

	Health   string // path that answers 200 once it serves
	Metrics  string // path of Prometheus metrics, "" if it has none
	Profiled string // environment variable that takes the address to serve pprof on, "" if it can not
}
