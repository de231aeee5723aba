package suite

import (
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/wire"
)

// Names of the targets that results are compared by.
const (
	Ours  = "troupe"
	Floor = "floor"
)

// A Target is a server to measure.
type Target struct {
	Name     string
	Protocol wire.Protocol

	// Command starts the server on a loopback address. It has been built.
	Command func(listen string) proc.Command

	Health  string // path that answers 200 once it serves
	Metrics string // path of Prometheus metrics, "" if it has none
	Profile string // path of the CPU profile, "" if it has none
}
