package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// A Gateway serves a node's clients over WebSocket. It is an http.Handler; all
// methods are safe for concurrent use.
type Gateway struct {
	node   Node
	topics *topic.Topics
	o      Options
	log    *slog.Logger
	m      *metrics

	presence *presence.Presence // nil if the node has none, like those below
	cursors  *cursor.Boards
	groups   *group.Groups
	limits   *ratelimit.Limits

	admission *admission
	recent    *recent
	pressure  pressure
	shards    []*shard
	turn      atomic.Uint32 // which shard is next

	ctx       context.Context // of hooks; ends with Close
	cancel    context.CancelFunc
	loops     sync.WaitGroup // the shards
	stopLoops context.CancelFunc
	errands   errands

	mu       sync.Mutex
	draining bool
	closed   bool
	sessions sync.WaitGroup // upgrades and readers; Add under mu, while not draining
}

// Stats is what a gateway is doing right now.
type Stats struct {
	Connections   int  `json:"connections"`
	Blocked       int  `json:"blocked"` // take less than they are sent
	Closing       int  `json:"closing"` // have been asked to go
	Subscriptions int  `json:"subscriptions"`
	Draining      bool `json:"draining"`
}

// New returns a gateway that serves node's topics, and that drains with it. The
// error joins everything that is wrong with the options.
func New(node Node, o Options) (*Gateway, error) {
	o = o.withDefaults(max(1, runtime.GOMAXPROCS(0)/2))
	g := &Gateway{node: node, o: o, admission: newAdmission(o.Limits), recent: newRecent()}
	g.take(node)
	faults := errors.Join(o.faults(), g.limitFaults())
	if node == nil {
		faults = errors.Join(errors.New("gateway: node is required"), faults)
	}
	if faults != nil {
		return nil, faults
	}
	g.topics, g.log, g.m = node.Topics(), o.Logger.With("node", node.ID()), newMetrics(o.Registerer)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.errands.closing = g.ctx.Done()
	var loops context.Context
	loops, g.stopLoops = context.WithCancel(context.Background())
	every := min(max(min(o.PingAfter, o.IdleTimeout)/16, 5*time.Millisecond), 2*time.Second)
	for range o.Shards {
		s := &shard{g: g, every: every, wake: make(chan struct{}, 1), topics: make(map[string]*audience),
			outages: make(map[string][]byte), w: newRawWriter(), now: time.Now()}
		g.shards = append(g.shards, s)
		g.loops.Go(func() { s.loop(loops) })
	}
	if h, ok := node.(HealthNode); ok {
		stop := h.OnHealth(g.tellHealth)
		node.OnDrain(func(context.Context) error { stop(); return nil })
	}
	node.OnDrain(g.Drain)
	return g, nil
}

// take notes what the node has beside its topics.
func (g *Gateway) take(node Node) {
	if n, ok := node.(PresenceNode); ok {
		g.presence = n.Presence()
	}
	if n, ok := node.(CursorNode); ok {
		g.cursors = n.Cursors()
	}
	if n, ok := node.(GroupNode); ok {
		g.groups = n.Groups()
	}
	if n, ok := node.(LimitNode); ok {
		g.limits = n.Limits()
	}
}

// Handler is New for a place that takes an http.Handler. It panics if the
// options are wrong.
func Handler(node Node, o Options) *Gateway {
	g, err := New(node, o)
	if err != nil {
		panic(err)
	}
	return g
}

// Broadcast sends an event to every connection of the node, whatever it follows.
// Such an event has no position. It does not wait. The error is a
// *topic.InputError.
func (g *Gateway) Broadcast(name, event string, data any) error {
	encoded, err := encode(name, event, data)
	if err != nil {
		return err
	}
	frame := appendEvent(nil, name, event, encoded)
	for _, s := range g.shards {
		s.put(item{kind: itemAll, ptr: frame})
	}
	return nil
}

// Stats looks at every connection.
func (g *Gateway) Stats() Stats {
	var st Stats
	st.Draining, _ = g.state()
	for _, x := range g.all() {
		st.Connections++
		if x.out.blocked() {
			st.Blocked++
		}
		if x.isClosing() {
			st.Closing++
		}
		x.mu.Lock()
		st.Subscriptions += x.places.len()
		x.mu.Unlock()
	}
	return st
}

// all returns the sessions.
func (g *Gateway) all() []*session {
	var all []*session
	for _, s := range g.shards {
		s.call(func() { all = append(all, s.sessions...) })
	}
	return all
}

// Drain refuses new connections and asks every client to go elsewhere, with
// 1001. Many are asked one after the other, within a few seconds, so that they do
// not all come to the next node at once. Drain returns when the last has gone, or
// when ctx ends: then the rest are cut off, and the error is the context's.
func (g *Gateway) Drain(ctx context.Context) error {
	g.refuse()
	gone := make(chan struct{})
	go func() { // ends with the sessions, which Close ends
		g.sessions.Wait()
		close(gone)
	}()
	g.sendAway(ctx, gone)
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	g.Close()
	<-gone
	return err
}

// Figures of how Drain spreads its closes: this many at once, with a pause of
// about this long. 10,000 connections take 2.5 seconds.
const (
	drainAtOnce = 100
	drainPause  = 25 * time.Millisecond
)

func (g *Gateway) sendAway(ctx context.Context, gone <-chan struct{}) {
	all := g.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, x := range all {
		if i > 0 && i%drainAtOnce == 0 {
			pause := time.NewTimer(drainPause/2 + rand.N(drainPause))
			select {
			case <-pause.C:
			case <-ctx.Done():
			case <-gone:
			}
			pause.Stop()
		}
		x.shut(CloseGoingAway, "node is going away")
	}
}

// refuse lets nobody in any more.
func (g *Gateway) refuse() {
	g.mu.Lock()
	g.draining = true
	g.mu.Unlock()
}

// state tells a session that has just begun whether it came too late.
func (g *Gateway) state() (draining, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining, g.closed
}

// enter takes part in the life of the gateway, unless it drains.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return false
	}
	g.sessions.Add(1)
	return true
}

// leave ends a session that had been admitted.
func (g *Gateway) leave(s *session, code int) {
	g.m.connections.Dec()
	g.m.close(code)
	g.admission.leave(s.address)
	g.sessions.Done()
}

// Close cuts off every connection and waits until all is down. A hook that
// ignores its context delays it.
func (g *Gateway) Close() {
	g.refuse()
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	for _, x := range g.all() {
		x.cut()
	}
	g.sessions.Wait()
	g.stopLoops()
	g.loops.Wait()
	g.errands.wg.Wait()
}
