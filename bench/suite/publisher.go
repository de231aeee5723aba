//go:build linux

package suite

import (
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/load"
)

// maxPublishers is how many connections share the publishing.
const maxPublishers = 16

// publishers are the connections that publish, in turn. A topic has one
// publisher if there are several topics, so that its numbers have one source.
type publishers struct {
	field    *field
	conns    []*publisher
	topics   []string
	receives int // deliveries per publish
	payload  int

	published int
	numbers   []uint32 // last one per topic, or per publisher if there is one topic
	data      []byte   // scratch
	message   []byte   // scratch
}

type publisher struct {
	all   *publishers
	index int
	conn  *load.Conn
	ready bool
	sent  int
	acked int
}

// Opened implements load.Handler.
func (p *publisher) Opened(c *load.Conn) {
	p.conn = c
	if hello := p.all.field.protocol.Hello(); hello != nil {
		c.Send(hello)
	}
}

// Message implements load.Handler.
func (p *publisher) Message(c *load.Conn, payload []byte) {
	a := p.all.field.protocol.Read(payload)
	if a.Err != nil {
		p.all.field.fail(fmt.Errorf("publisher %d: %w", p.index, a.Err))
	}
	if a.Pong != nil {
		c.Send(a.Pong)
	}
	if a.Welcomed && !p.ready {
		p.ready = true
		p.all.field.ready++
	}
	p.acked += a.Published
}

// Closed implements load.Handler.
func (p *publisher) Closed(_ *load.Conn, err error) {
	p.all.field.fail(fmt.Errorf("publisher %d: connection lost: %w", p.index, err))
}

// next publishes one event. At is when it was due.
func (ps *publishers) next(at time.Duration) {
	topic := ps.published % len(ps.topics)
	p := ps.conns[ps.published%len(ps.conns)]
	number := &ps.numbers[p.index]
	if len(ps.topics) > 1 {
		p, number = ps.conns[topic%len(ps.conns)], &ps.numbers[topic]
	}
	*number++
	p.sent++
	ps.published++
	mark := check.Mark{Publisher: uint8(p.index), Number: *number, At: uint64(at)}
	ps.data = check.AppendPayload(ps.data[:0], mark, ps.payload)
	ps.message = ps.field.protocol.Publish(ps.message[:0], ps.topics[topic], p.sent, ps.data)
	p.conn.Send(ps.message)
}

// outstanding is how many publishes have not reached all receivers.
func (ps *publishers) outstanding() int {
	return ps.published - ps.field.delivered/ps.receives
}

// settled reports whether everything was delivered and acknowledged. More
// deliveries than publishes is for the Order to tell.
func (ps *publishers) settled() bool {
	first := ps.field.delivered - ps.field.order.Faults().Duplicated // what came again makes up for nothing
	return first >= ps.published*ps.receives && ps.unacknowledged() == 0
}

// unacknowledged is how many publishes the server has not answered.
func (ps *publishers) unacknowledged() (n int) {
	for _, p := range ps.conns {
		n += p.sent - p.acked
	}
	return n
}

// end tells the Order what every receiver should have by now. Receivers of a
// topic are numbered in a row.
func (ps *publishers) end() {
	for receiver := range ps.receives * len(ps.topics) {
		topic := receiver / ps.receives
		if len(ps.topics) > 1 {
			ps.field.order.End(receiver, topic%len(ps.conns), ps.numbers[topic])
			continue
		}
		for i, n := range ps.numbers {
			ps.field.order.End(receiver, i, n)
		}
	}
}
