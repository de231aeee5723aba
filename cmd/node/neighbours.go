package main

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// Figures of neighbours: how often the members are looked at, and for how long the
// pages of one that has gone may still come.
const (
	neighbourEvery  = time.Second
	neighbourMemory = time.Hour
)

// neighbours are the cluster's nodes on this machine. Their pages may connect here
// too, so that a page whose node was killed goes on with another one. There are some
// only without authentication, where everything is on this machine. A nil one has none.
type neighbours struct {
	node *cluster.Node
	own  string // port
	wg   sync.WaitGroup

	mu   sync.Mutex
	seen map[string]time.Time // port to when it was last a member's
}

// watchNeighbours looks at the members until the node is down. A member that has
// gone must have been seen before.
func watchNeighbours(node *cluster.Node, self string) *neighbours {
	n := &neighbours{node: node, own: port(self), seen: map[string]time.Time{}}
	n.wg.Go(n.run)
	return n
}

func (n *neighbours) run() {
	tick := time.NewTicker(neighbourEvery)
	defer tick.Stop()
	for {
		n.note(n.node.Members(), time.Now())
		select {
		case <-tick.C:
		case <-n.node.Done():
			return
		}
	}
}

func (n *neighbours) note(members []lease.Lease, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range members {
		if p := port(m.Address); p != "" {
			n.seen[p] = now
		}
	}
	for p, at := range n.seen {
		if now.Sub(at) > neighbourMemory {
			delete(n.seen, p)
		}
	}
}

// wait returns when nothing runs any more; the node must be down.
func (n *neighbours) wait() {
	if n != nil {
		n.wg.Wait()
	}
}

// addresses are where pages may go on when this node has gone.
func (n *neighbours) addresses() []string {
	if n == nil {
		return nil
	}
	var list []string
	for _, m := range n.node.Members() {
		if p := port(m.Address); p != "" && p != n.own && m.State != lease.Dead {
			list = append(list, m.Address)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// admit lets the pages of neighbours pass as the node's own do. What a request
// without Origin may do they may do.
func (n *neighbours) admit(next http.Handler) http.Handler {
	if n == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if values := r.Header.Values("Origin"); len(values) == 1 && n.has(values[0]) {
			r = r.Clone(r.Context())
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}

func (n *neighbours) has(origin string) bool {
	p := port(origin)
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.seen[p]
	return ok && p != n.own
}

// port is that of the URL of a node on this machine, "" for anything else.
func port(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Path != "" {
		return ""
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil || !settings.IsLoopback(host) {
		return ""
	}
	return port
}
