//go:build linux

package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/load"
	"github.com/troupe-rt/troupe/bench/wire"
)

// had is how many events of a topic the clients had before they were lost.
const had = 10

// resumeStorm lets clients that have missed events come back all at once. Each
// must be given exactly what it missed, and then a live event.
func resumeStorm(ctx context.Context, x *session) (Sample, error) {
	since, err := x.makeHistory(ctx)
	if err != nil {
		return Sample{}, err
	}
	for receiver := range x.scenario.Connections() {
		x.field.order.StartAfter(receiver, 0, had)
	}
	before, err := x.read(ctx, false)
	if err != nil {
		return Sample{}, err
	}
	if err := x.connectReceivers(ctx, func(topic int) *wire.Position { return &since[topic] }); err != nil {
		return Sample{}, err
	}
	missed := x.scenario.Connections() * x.scenario.Missed
	if err := x.run(ctx, x.options.Within, func() bool { return x.field.delivered >= missed }); err != nil {
		return Sample{}, err
	}
	after, err := x.read(ctx, true)
	if err != nil {
		return Sample{}, err
	}
	faults, err := x.goLive(ctx)
	return Sample{Metrics: x.connectMetrics(before, after), Faults: faults}, err
}

// makeHistory publishes what the clients had and what they missed, and returns
// the positions in between.
func (x *session) makeHistory(ctx context.Context) ([]wire.Position, error) {
	if err := x.connectWriters(ctx); err != nil {
		return nil, err
	}
	if err := x.publishToAll(ctx, had); err != nil {
		return nil, err
	}
	positions := make([]wire.Position, x.scenario.Topics)
	err := x.connect(ctx, x.far(), len(positions), func(i int) load.Handler {
		return &probe{field: x.field, topic: x.writers.topics[i], position: &positions[i]}
	})
	if err != nil {
		return nil, err
	}
	return positions, x.publishToAll(ctx, x.scenario.Missed)
}

// publishToAll publishes count events to every topic, with a bounded number
// waiting for their acknowledgement.
func (x *session) publishToAll(ctx context.Context, count int) error {
	const window = 256
	until := x.writers.published + count*x.scenario.Topics
	return x.run(ctx, connectWithin, func() bool {
		for x.writers.published < until && x.writers.unacknowledged() < window {
			x.writers.next(x.loop.Now())
		}
		return x.writers.published == until && x.writers.unacknowledged() == 0
	})
}

// goLive publishes once more to every topic, to the clients that came back.
func (x *session) goLive(ctx context.Context) (check.Faults, error) {
	want := x.scenario.Connections() * (x.scenario.Missed + 1)
	err := x.publishToAll(ctx, 1)
	if err == nil {
		err = x.run(ctx, x.options.Within, func() bool { return x.field.delivered >= want })
	}
	return x.account(err)
}

// A probe asks where a topic stands, and leaves.
type probe struct {
	field    *field
	topic    string
	position *wire.Position
	done     bool
}

var errProbed = errors.New("probe has its answer")

// Opened implements load.Handler.
func (p *probe) Opened(c *load.Conn) {
	if hello := p.field.protocol.Hello(); hello != nil {
		c.Send(hello)
	}
	c.Send(p.field.protocol.Subscribe(wire.Subscription{Topic: p.topic, Ref: 1}))
}

// Message implements load.Handler.
func (p *probe) Message(c *load.Conn, payload []byte) {
	a := p.field.protocol.Read(payload)
	if a.Err != nil {
		p.field.fail(fmt.Errorf("probe of %s: %w", p.topic, a.Err))
	}
	if a.Joined && !p.done {
		*p.position, p.done = a.Position, true
		p.field.ready++
		c.Close(errProbed)
	}
}

// Closed implements load.Handler.
func (p *probe) Closed(_ *load.Conn, err error) {
	if !p.done {
		p.field.fail(fmt.Errorf("probe of %s: connection lost: %w", p.topic, err))
	}
}
