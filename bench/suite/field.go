//go:build linux

package suite

import (
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/load"
	"github.com/troupe-rt/troupe/bench/stats"
	"github.com/troupe-rt/troupe/bench/wire"
)

// A field is all receivers of a round and what they have seen. It belongs to
// the goroutine of its Loop.
type field struct {
	protocol  wire.Protocol
	order     *check.Order
	latency   stats.Histogram
	sample    int // a delivery counts for latency if its count has none of these bits
	delivered int
	ready     int
	closing   bool
	failed    error
}

func (f *field) fail(err error) {
	if f.failed == nil && !f.closing {
		f.failed = err
	}
}

// A receiver is one subscribed connection.
type receiver struct {
	field  *field
	id     int
	topic  string
	since  *wire.Position
	joined bool
	at     wire.Position // where its subscription began
}

// Opened implements load.Handler.
func (r *receiver) Opened(c *load.Conn) {
	if hello := r.field.protocol.Hello(); hello != nil {
		c.Send(hello)
	}
	c.Send(r.field.protocol.Subscribe(wire.Subscription{Topic: r.topic, Ref: 1, Since: r.since}))
}

// Message implements load.Handler. It is the hot path of every fan-out.
func (r *receiver) Message(c *load.Conn, payload []byte) {
	f := r.field
	n := check.Scan(payload, func(m check.Mark) {
		f.order.See(r.id, m)
		if f.delivered++; f.delivered&f.sample == 0 {
			f.latency.Add(c.Now() - time.Duration(m.At))
		}
	})
	if n == 0 || !r.joined || wire.HasPing(payload) {
		r.answer(c, f.protocol.Read(payload))
	}
}

func (r *receiver) answer(c *load.Conn, a wire.Answer) {
	if a.Err != nil {
		r.field.fail(fmt.Errorf("receiver %d: %w", r.id, a.Err))
		return
	}
	if a.Pong != nil {
		c.Send(a.Pong)
	}
	if a.Joined && !r.joined {
		r.joined, r.at = true, a.Position
		r.field.ready++
	}
}

// Closed implements load.Handler.
func (r *receiver) Closed(_ *load.Conn, err error) {
	r.field.fail(fmt.Errorf("receiver %d: connection lost: %w", r.id, err))
}
