package topic

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
)

// Config of Topics. System and Log are required.
type Config struct {
	System *actors.System
	Log    Log

	// Relay carries events to other nodes. nil: there are none.
	Relay Relay

	// Policies say how topics behave; the first match decides. A topic that
	// none matches has the default Policy.
	Policies []Policy

	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

// A Message is what is published.
type Message struct {
	Event string
	Data  []byte // JSON; empty means null. Handed over: do not change it afterwards
	ID    string // the same ID within the policy's Dedup is kept and delivered once; "" is never a duplicate
}

// A Receipt answers a publish.
type Receipt struct {
	Position  Position // zero in a topic without history
	Duplicate bool     // kept before, Position is the first one's; nothing was delivered now
}

// A Subscription is one receiver's wish to get what a topic sends.
type Subscription struct {
	Outlet   Outlet
	Receiver any // comes back in Joined and Left; compared with ==

	// Since asks for what was published after a position before going live.
	// nil: only what comes from now on. An empty Epoch fits every epoch.
	Since *Position
}

var _ context.Context
