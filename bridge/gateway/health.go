package gateway

import (
	"strconv"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// systemTopic is where the node speaks about itself. Every connection is a member.
const systemTopic = "__system"

// A HealthNode is a Node that tells when the outage of a backend begins and ends.
// One that is under way when f is registered it tells at once. Calls of f come one
// at a time; f does not block.
type HealthNode interface {
	Node
	OnHealth(f func(breaker.Change)) (stop func())
}

// A health item tells every session of an outage, and those that come while it
// lasts.
type health struct {
	backend string
	ended   bool
	frame   []byte
}

// tellHealth hands an outage to every shard, where it meets the sessions in the
// order in which they came: each is told of it once.
func (g *Gateway) tellHealth(c breaker.Change) {
	h := &health{backend: c.Backend, ended: c.Ended()}
	data := append(quote([]byte(`{"backend":`), c.Backend), `,"at":`...)
	data = strconv.AppendInt(data, c.At.UnixMilli(), 10)
	event := "recovered"
	if !h.ended {
		event = "degraded"
		data = quote(append(data, `,"reason":`...), c.Reason)
	}
	h.frame = appendEvent(nil, systemTopic, event, append(data, '}'))
	for _, s := range g.shards {
		s.put(item{kind: itemHealth, ptr: h})
	}
}

func (s *shard) health(h *health) {
	if h.ended {
		delete(s.outages, h.backend)
	} else {
		s.outages[h.backend] = h.frame
	}
	s.all(h.frame)
}

// opened begins a session: a welcome, then what everyone else knows already.
func (s *shard) opened(x *session, welcome []byte) {
	x.slot = len(s.sessions)
	s.sessions = append(s.sessions, x)
	s.append(x, welcome)
	for _, frame := range s.outages {
		s.append(x, frame)
	}
}

// all sends a frame to every session.
func (s *shard) all(frame []byte) {
	c := &chunk{plain: frame}
	for _, to := range s.sessions {
		s.send(to, c, terms{})
	}
}
