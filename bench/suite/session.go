//go:build linux

package suite

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/load"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/wire"
)

// Bounds of a round. Nothing in it waits longer.
const (
	readyWithin   = 15 * time.Second
	connectWithin = 90 * time.Second
	connectAtOnce = 500
	sources       = 8 // loopback addresses that clients come from: ports are 28,000 per address
)

// A session is one server, or several nodes that share a backend, started for one
// round of one scenario, and the clients connected to it.
type session struct {
	target   Target
	scenario Scenario
	options  Options
	nodes    []*node
	profiler string // where the server serves pprof, "" without
	loop     *load.Loop
	field    *field
	writers  *publishers
}

// A node is one server process.
type node struct {
	process *proc.Process
	address netip.AddrPort
}

func (n *node) url(path string) string { return "http://" + n.address.String() + path }

func open(ctx context.Context, t Target, s Scenario, o Options) (x *session, err error) {
	x = &session{target: t, scenario: s, options: o}
	if x.loop, err = load.NewLoop(); err != nil {
		return nil, err
	}
	err = o.empty(ctx, s)
	for range max(1, s.Nodes) {
		if err == nil {
			err = x.start(ctx)
		}
	}
	if err != nil {
		x.close()
		return nil, err
	}
	x.prepare()
	return x, nil
}

// start starts one more node and waits until it serves.
func (x *session) start(ctx context.Context) error {
	address, err := proc.FreeAddress(ctx)
	if err != nil {
		return err
	}
	command, err := x.command(address)
	if err != nil {
		return err
	}
	if x.profiling() && x.profiler == "" {
		if x.profiler, err = proc.FreeAddress(ctx); err != nil {
			return err
		}
		command.Env = append(command.Env, x.target.Profiled+"="+x.profiler)
	}
	process, err := proc.Start(ctx, command)
	if err != nil {
		return err
	}
	n := &node{process, netip.MustParseAddrPort(address)}
	x.nodes = append(x.nodes, n)
	within, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return process.Ready(within, n.url(x.target.Health))
}

func (x *session) command(address string) (proc.Command, error) {
	switch {
	case x.scenario.OverRedis():
		return x.target.Node(address, x.options.Redis.Address())
	case x.scenario.OverPostgres():
		return x.target.OverPostgres(address, x.options.Postgres.URL())
	}
	return x.target.Command(address)
}

// near is where publishers are, far is where receivers are.
func (x *session) near() *node { return x.nodes[0] }
func (x *session) far() *node  { return x.nodes[len(x.nodes)-1] }

func (x *session) prepare() {
	s := x.scenario
	n := 1
	if s.Kind == FlatOut || s.Kind == Paced {
		n = maxPublishers
	}
	if s.Window > 0 {
		n = min(n, s.Window)
	}
	x.field = &field{protocol: x.target.Protocol, order: check.NewOrder(s.Connections(), n)}
	x.writers = &publishers{field: x.field, receives: s.Receivers, payload: x.options.Payload,
		numbers: make([]uint32, max(n, s.Topics))}
	if s.Topics == 1 {
		x.writers.numbers = x.writers.numbers[:n]
	}
	for i := range s.Topics {
		x.writers.topics = append(x.writers.topics, topicName(s, i))
	}
	for i := range n {
		x.writers.conns = append(x.writers.conns, &publisher{all: x.writers, index: i})
	}
}

func topicName(s Scenario, i int) string {
	if s.History {
		return fmt.Sprintf("%sbench:%04d", wire.KeptPrefix, i)
	}
	return fmt.Sprintf("live:bench:%04d", i)
}

// close ends the clients, then the servers, and returns when all are gone.
func (x *session) close() {
	if x.field != nil {
		x.field.closing = true
	}
	x.loop.Close()
	for _, n := range x.nodes {
		n.process.Stop()
	}
}

// connectWriters connects the publishers.
func (x *session) connectWriters(ctx context.Context) error {
	return x.connect(ctx, x.near(), len(x.writers.conns), func(i int) load.Handler { return x.writers.conns[i] })
}

// connectReceivers connects all receivers, each with what since says.
func (x *session) connectReceivers(ctx context.Context, since func(topic int) *wire.Position) error {
	return x.connect(ctx, x.far(), x.scenario.Connections(), func(i int) load.Handler {
		topic := i / x.scenario.Receivers
		r := &receiver{field: x.field, id: i, topic: x.writers.topics[topic]}
		if since != nil {
			r.since = since(topic)
		}
		return r
	})
}

// connect dials n connections to a node, a bounded number at a time, and returns when all
// of them are ready.
func (x *session) connect(ctx context.Context, to *node, n int, handler func(i int) load.Handler) error {
	before, dialled := x.field.ready, 0
	return x.run(ctx, connectWithin, func() bool {
		done := x.field.ready - before
		for ; dialled < n && dialled-done < connectAtOnce; dialled++ {
			from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + dialled%sources)})
			if _, err := x.loop.Dial(to.address, from, x.target.Protocol.Path(), dialled, handler(dialled)); err != nil {
				x.field.fail(fmt.Errorf("connection %d of %d: %w", dialled+1, n, err))
				return true
			}
		}
		return done == n
	})
}

// run drives the clients until done, the first failure, or the end of the time.
func (x *session) run(ctx context.Context, within time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not done within %s", within))
	defer cancel()
	err := x.loop.Run(ctx, func() bool { return x.field.failed != nil || done() })
	if x.field.failed != nil {
		return fmt.Errorf("%s: %w", x.target.Name, x.field.failed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w (%d ready, %d published, %d delivered)",
			x.target.Name, err, x.field.ready, x.writers.published, x.field.delivered)
	}
	return nil
}
