package cluster

import (
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// BackendHealth is how a backend of the node is doing.
type BackendHealth struct {
	Backend string    `json:"backend"`
	State   string    `json:"state"`            // healthy, probing or broken
	Since   time.Time `json:"since,omitzero"`   // of the last transition; zero if there was none
	Outage  uint64    `json:"outage"`           // number of the present or last outage
	Reason  string    `json:"reason,omitempty"` // of the outage, while it lasts
}

// health collects what the breakers of the node's backends say.
type health struct {
	mu        sync.Mutex
	order     []string
	last      map[string]breaker.Change // by backend
	outages   map[string]breaker.Change // began and have not ended
	next      int
	listeners map[int]func(breaker.Change)
}

func newHealth() *health {
	return &health{last: map[string]breaker.Change{}, outages: map[string]breaker.Change{}, listeners: map[int]func(breaker.Change){}}
}

// watch follows a breaker for as long as the node lives.
func (h *health) watch(b *breaker.Breaker) {
	h.order = append(h.order, b.Backend())
	b.OnChange(h.changed)
}

// changed runs on a breaker's actor. Listeners are called under mu, so that one
// that registers meanwhile hears of each outage once.
func (h *health) changed(c breaker.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[c.Backend] = c
	switch {
	case c.Began():
		h.outages[c.Backend] = c
	case c.Ended():
		delete(h.outages, c.Backend)
	default:
		return
	}
	for _, f := range h.listeners {
		f(c)
	}
}

// OnHealth has f told of the beginning and the end of each outage of a backend,
// once, one at a time. An outage that lasts already is told at once. F must not
// block and must not call OnHealth or Health. Stop ends it.
func (n *Node) OnHealth(f func(breaker.Change)) (stop func()) {
	h := n.health
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.outages {
		f(c)
	}
	id := h.next
	h.next++
	h.listeners[id] = f
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, id)
	}
}

// Health tells how the node's backends are doing, in a fixed order. A node that
// keeps all in memory has none.
func (n *Node) Health() []BackendHealth {
	h := n.health
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]BackendHealth, 0, len(h.order))
	for _, name := range h.order {
		last := h.last[name] // the zero Change is healthy since ever
		all = append(all, BackendHealth{
			Backend: name, State: last.To.String(), Since: last.At, Outage: last.Outage, Reason: h.outages[name].Reason})
	}
	return all
}
