package presence_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A cast is some nodes over one bus and one store, in a bubble.
type cast struct {
	t     *testing.T
	bus   *membus.Bus
	store *memstore.Rosters
	nodes map[string]*node
}

// A node is one of them, with faults of its own.
type node struct {
	*presence.Presence
	t      *testing.T
	id     string
	system *actors.System
	store  *faulty
	life   atomic.Pointer[string]
}

// bubble runs f over nodes named a, b, c...
func bubble(t *testing.T, n int, policy presence.Policy, f func(t *testing.T, c *cast)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New()
		c := &cast{t: t, bus: bus, nodes: map[string]*node{}}
		c.store = memstore.NewRosters(bus.Node("store"))
		for i := range n {
			c.start(string(rune('a'+i)), policy)
		}
		f(t, c)
		for _, n := range c.nodes {
			n.stop()
		}
		bus.Close()
	})
}

func (c *cast) start(id string, policy presence.Policy) *node {
	c.t.Helper()
	n := &node{t: c.t, id: id, system: actors.NewSystem(actors.Config{}),
		store: &faulty{Store: c.store, dead: map[string]bool{}}}
	n.reborn(1)
	var err error
	n.Presence, err = presence.Start(presence.Config{
		System: n.system, Store: n.store, Relay: c.bus.Node(id), Node: id, Policies: []presence.Policy{policy},
		Life: func() string { return *n.life.Load() },
		Alive: func(life string) bool {
			n.store.mu.Lock()
			defer n.store.mu.Unlock()
			return !n.store.dead[life]
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[id] = n
	return n
}

func (n *node) reborn(i int) {
	life := fmt.Sprintf("%s/%d", n.id, i)
	n.life.Store(&life)
}

// stop ends a node as a program does that ends.
func (n *node) stop() {
	n.store.fail(nil)
	if err := errors.Join(n.Close(n.t.Context()), n.system.Close(n.t.Context())); err != nil {
		n.t.Errorf("stop %s: %v", n.id, err)
	}
}

// crash cuts a node off from everything; it is stopped at the end.
func (c *cast) crash(id string) {
	c.bus.Disconnect(id)
	c.nodes[id].store.fail(errors.New("crashed"))
}

// A client is a connection: an Outlet with one receiver, which writes down what
// comes and keeps the roster that it makes.
type client struct {
	n    *node
	user string

	mu      sync.Mutex
	words   []string
	seen    map[string]string
	version uint64
	joined  int
	leaves  map[string]int
	joins   map[string]int
	beats   []string
	faults  []string
	err     error
	left    bool
}

func (n *node) client(user string) *client {
	return &client{n: n, user: user, leaves: map[string]int{}, joins: map[string]int{}}
}

// enter has the client enter a topic with a name beside its id.
func (c *client) enter(name, data string) *client {
	c.n.t.Helper()
	connection := fmt.Sprintf("anon-%s-%p", c.n.id, c)
	if err := c.n.Enter(name, presence.Attendee{Outlet: c, Receiver: c, Identity: c.user, Connection: connection, Data: json.RawMessage(data)}); err != nil {
		c.n.t.Errorf("enter: %v", err)
	}
	return c
}

func (c *client) exit(name string) {
	c.n.t.Helper()
	if err := c.n.Exit(name, c, c); err != nil {
		c.n.t.Errorf("exit: %v", err)
	}
}

func (c *client) watch(name string) *client {
	c.n.t.Helper()
	if err := c.n.Watch(name, c, c); err != nil {
		c.n.t.Errorf("watch: %v", err)
	}
	synctest.Wait()
	return c
}

func (c *client) Deliver(_ string, b *topic.Batch) { c.take(b) }

func (c *client) Joined(name string, _ any, j topic.Joined) {
	c.mu.Lock()
	c.joined++
	c.err = j.Err
	if !strings.HasPrefix(name, "__presence:") {
		c.faults = append(c.faults, "joined "+name)
	}
	c.mu.Unlock()
	if j.Missed != nil {
		c.take(j.Missed)
	}
}

func (c *client) Left(string, any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
}

func (c *client) Closed(string, error) {}

// frame is what a browser reads.
type frame struct {
	Topic, Event string
	Version      uint64
	Data         json.RawMessage
}

func (c *client) take(b *topic.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range b.Events {
		var f frame
		if err := json.Unmarshal(e.JSON(), &f); err != nil {
			c.faults = append(c.faults, err.Error())
			continue
		}
		c.words = append(c.words, f.Event+" "+string(f.Data))
		c.read(f)
	}
}

func (c *client) read(f frame) {
	switch f.Event {
	case presence.EventState:
		var all map[string]json.RawMessage
		c.must(json.Unmarshal(f.Data, &all))
		c.seen = map[string]string{}
		for k, v := range all {
			c.seen[k] = string(v)
		}
		c.version = f.Version
	case presence.EventDiff:
		var d struct{ Joins, Leaves map[string]json.RawMessage }
		c.must(json.Unmarshal(f.Data, &d))
		if f.Version != c.version+1 {
			c.faults = append(c.faults, fmt.Sprintf("version %d after %d", f.Version, c.version))
		}
		c.version = f.Version
		for k, v := range d.Joins {
			c.joins[k]++
			c.seen[k] = string(v)
		}
		for k := range d.Leaves {
			c.leaves[k]++
			if _, there := c.seen[k]; !there {
				c.faults = append(c.faults, "leave of "+k+", who was not there")
			}
			delete(c.seen, k)
		}
	case presence.EventHeartbeat:
		c.must(json.Unmarshal(f.Data, &c.beats))
		slices.Sort(c.beats)
	}
}

func (c *client) must(err error) {
	if err != nil {
		c.faults = append(c.faults, err.Error())
	}
}

// sees fails the test unless the client's view is exactly that, such as "ann bob".
func (c *client) sees(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := strings.Join(slices.Sorted(maps.Keys(c.seen)), " "); got != want {
		t.Errorf("client of %s on %s sees %q, want %q; it got %q", c.user, c.n.id, got, want, c.words)
	}
	for _, f := range c.faults {
		t.Errorf("client of %s on %s: %s", c.user, c.n.id, f)
	}
}

// heard fails the test unless exactly these came since it was asked last.
func (c *client) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.words, want) {
		t.Errorf("client of %s heard\n%s\nwant\n%s", c.user, strings.Join(c.words, "\n"), strings.Join(want, "\n"))
	}
	c.words = nil
}

// lists fails the test unless the node lists exactly these.
func (n *node) lists(t *testing.T, name, want string) {
	t.Helper()
	synctest.Wait()
	all, err := n.List(t.Context(), name)
	if err != nil {
		t.Errorf("list: %v", err)
		return
	}
	var keys []string
	for _, m := range all {
		keys = append(keys, m.Key)
	}
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("%s lists %q, want %q", n.id, got, want)
	}
	if count, err := n.Count(t.Context(), name); err != nil || count != len(all) {
		t.Errorf("%s counts %d, %v; want %d", n.id, count, err, len(all))
	}
}
