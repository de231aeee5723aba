package group_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// TestModel draws the same plans in every run. Other ones: -model.new; how many:
// -rapid.checks.
var freshPlans = flag.Bool("model.new", false, "draw new plans in TestModel")

const modelMax = 4

// An act of a plan, and how long after the one before.
type act struct {
	After time.Duration
	What  string
	Node  int
	User  int
	For   time.Duration
}

var (
	doings = []string{"join", "join", "join", "leave", "again", "publish"}
	upsets = []string{"close", "reopen", "reopen", "frames", "partition", "disconnect", "fail", "lose answers", "slow", "empty", "crash", "bury", "recheck"}
)

func drawPlan(rt *rapid.T) (nodes int, plan []act) {
	nodes = rapid.IntRange(3, 5).Draw(rt, "nodes")
	one := rapid.Custom(func(rt *rapid.T) act {
		ms := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Millisecond
		}
		what := doings
		if rapid.IntRange(0, 3).Draw(rt, "upset") == 0 {
			what = upsets
		}
		most := rapid.SampledFrom([]int{0, 30, 2000}).Draw(rt, "within")
		return act{ms(most, "after"), rapid.SampledFrom(what).Draw(rt, "what"), rapid.IntRange(0, nodes-1).Draw(rt, "node"),
			rapid.IntRange(0, 5).Draw(rt, "user"), ms(9000, "for")}
	})
	return nodes, rapid.SliceOfN(one, 1, 60).Draw(rt, "plan")
}

// TestModel runs random joins under random faults, with closings between them. The group
// never has more members than it may. When all has healed every node, the store and every
// client have those who were told that they are in, and the hooks of every node add up.
func TestModel(t *testing.T) {
	t.Parallel()
	if seed := flag.Lookup("rapid.seed").Value; seed.String() == "0" && !*freshPlans {
		if err := seed.Set("7"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		nodes, plan := drawPlan(rt)
		if !t.Run("plan", func(t *testing.T) { runPlan(t, nodes, plan) }) {
			rt.Fatalf("%d nodes:\n%#v", nodes, plan)
		}
	})
}

// A stage is where a plan runs.
type stage struct {
	*world
	bus     *membus.Bus
	raw     *memstore.Rosters
	clients []*actor
	healed  time.Time // when the last fault is over
}

// An actor is a client, and what it was told.
type actor struct {
	*client
	node  *node
	leave bool // it has left by itself
}

func runPlan(t *testing.T, nodes int, plan []act) {
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New()
		t.Cleanup(bus.Close)
		s := &stage{world: newWorld(t), bus: bus, raw: memstore.NewRosters(bus.Node("store")), healed: time.Now()}
		s.start(nodes, func(i int) (group.Store, topic.Relay) { return s.raw, bus.Node(fmt.Sprintf("n%d", i)) },
			policies(group.Policy{MaxMembers: modelMax, ClosedFor: time.Hour}), s.lives)
		for i, a := range plan {
			time.Sleep(a.After)
			s.do(i, a)
			s.bounded()
		}
		time.Sleep(time.Until(s.healed))
		bus.SetFaults(membus.Faults{})
		bus.Heal()
		if err := s.raw.Reopen(t.Context(), group.Name("g")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*roster.DefaultCheckEvery*9/8 + 20*time.Second)
		synctest.Wait()
		s.bounded()
		s.agree()
	})
}

// lives has every node know which ones have crashed.
func (s *stage) lives(_ int, cfg *group.Config) {
	cfg.Alive = func(life string) bool {
		for _, n := range s.nodes {
			if n.present() == life {
				return !n.crashed()
			}
		}
		return false
	}
}

// during has something be so for a time.
func (s *stage) during(d time.Duration, begin, end func()) {
	begin()
	time.AfterFunc(d, end)
	if over := time.Now().Add(d + time.Millisecond); over.After(s.healed) {
		s.healed = over
	}
}

func (s *stage) do(i int, a act) {
	n := s.nodes[a.Node]
	if n.crashed() {
		return
	}
	user := fmt.Sprint("u", a.User)
	switch a.What {
	case "join":
		c := &actor{client: newClient(user), node: n}
		c.enter(s, n, "g", []string{"", "admin", "viewer"}[i%3])
		s.clients = append(s.clients, c)
	case "leave", "again":
		for _, c := range s.clients {
			if c.identity != user || c.node != n || c.leave || c.over() {
				continue
			}
			if a.What == "again" {
				c.enter(s, n, "g", "viewer")
				continue
			}
			c.leave = true
			if err := n.Exit("g", c.client, c.client); err != nil {
				s.Error(err)
			}
		}
	case "publish":
		go func() { _ = n.Publish(s.Context(), "g", "hi", nil) }() // it may take as long as a fault
	default:
		s.upset(n, a)
	}
}

func (s *stage) upset(n *node, a act) {
	set := func(change func(*faulty)) func() { return func() { n.store.set(change) } }
	id := fmt.Sprintf("n%d", a.Node)
	switch a.What {
	case "close":
		go func() { _ = n.CloseGroup(s.Context(), "g") }()
	case "reopen":
		go func() { _ = n.Reopen(s.Context(), "g") }()
	case "frames":
		s.during(a.For, func() {
			s.bus.SetFaults(membus.Faults{Seed: uint64(a.User), Drop: 0.2, Duplicate: 0.2, Jitter: 100 * time.Millisecond, Reorder: true})
		}, func() { s.bus.SetFaults(membus.Faults{}) })
	case "partition":
		s.during(a.For, func() { s.bus.Partition([]string{id}, []string{"store", "n0", "n1"}) }, s.bus.Heal)
	case "disconnect":
		s.during(a.For, func() { s.bus.Disconnect(id) }, func() { s.bus.Reconnect(id) })
	case "fail":
		s.during(a.For, set(func(f *faulty) { f.fail = errDown }), set(func(f *faulty) { f.fail = nil }))
	case "lose answers":
		s.during(a.For, set(func(f *faulty) { f.late = errDown }), set(func(f *faulty) { f.late = nil }))
	case "slow":
		s.during(a.For, set(func(f *faulty) { f.delay, f.lag = 40*time.Millisecond, 90*time.Millisecond }), set(func(f *faulty) { f.delay, f.lag = 0, 0 }))
	case "empty":
		s.raw.Empty()
		for _, n := range s.nodes {
			n.Recheck()
		}
	case "bury": // it was taken for dead
		life := n.present()
		_ = s.raw.Bury(s.Context(), life)
		n.revive(life + "'")
	case "crash":
		if a.Node == 0 {
			return // one survives
		}
		s.crash(n)
		time.AfterFunc(a.For, func() { _ = s.raw.Bury(s.Context(), n.present()) })
	case "recheck":
		n.Recheck()
	}
}

// bounded is the promise that holds at every moment.
func (s *stage) bounded() {
	snapshot, err := s.raw.Load(s.Context(), group.Name("g"))
	if err != nil || len(snapshot.Members) > modelMax {
		s.Errorf("%d members of %d (%v)", len(snapshot.Members), modelMax, err)
	}
}

// over reports whether the client is in no group: it was refused, left or ended.
func (c *client) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.order) > 0 && slices.Contains([]string{"refused", "left", "closed"}, c.order[len(c.order)-1])
}

func (s *stage) agree() {
	want := map[string]bool{}
	in := map[*node]map[string]bool{}
	for _, c := range s.clients {
		if c.leave || c.over() || c.node.crashed() {
			continue
		}
		want[c.identity] = true
		if in[c.node] == nil {
			in[c.node] = map[string]bool{}
		}
		in[c.node][c.identity] = true
	}
	expected := slices.Sorted(maps.Keys(want))
	var first []group.Member
	for i, n := range s.nodes {
		if n.crashed() {
			continue
		}
		ms, err := n.Members(s.Context(), "g")
		if err != nil || !slices.Equal(keysOf(ms), expected) {
			s.Errorf("node %d has %v (%v), want %q", i, keysOf(ms), err, expected)
		}
		if first == nil {
			first = ms
		}
		if fmt.Sprint(ms) != fmt.Sprint(first) {
			s.Errorf("node %d has %v, node 0 %v", i, ms, first)
		}
		local, err := n.LocalMembers(s.Context(), "g")
		if here := slices.Sorted(maps.Keys(in[n])); err != nil || !slices.Equal(keysOf(local), here) {
			s.Errorf("node %d has %v of its own (%v), want %q", i, keysOf(local), err, here)
		}
		s.balanced(i, n, in[n])
	}
	for _, c := range s.clients {
		if s.Failed() {
			s.Logf("%s at %s (left: %v) was told %q, heard %q", c.identity, c.node.present(), c.leave, c.order, c.heard())
		}
		if c.leave || c.over() || c.node.crashed() {
			continue
		}
		if got := known(nil, c.heard()); !slices.Equal(got, expected) {
			s.Errorf("%s knows %q, want %q, after %q", c.identity, got, expected, c.heard())
		}
	}
}

func keysOf(ms []group.Member) []string {
	var keys []string
	for _, m := range ms {
		keys = append(keys, m.Key)
	}
	return keys
}

// balanced looks whether the hooks were called for those who are in, and for nobody else.
func (s *stage) balanced(i int, n *node, in map[string]bool) {
	n.hooks.mu.Lock()
	defer n.hooks.mu.Unlock()
	here := map[string]bool{}
	for _, call := range n.hooks.calls {
		f := strings.Fields(call)
		switch {
		case f[0] == "close":
			clear(here)
		case f[0] == "join" && here[f[2]], f[0] == "leave" && !here[f[2]]:
			s.Errorf("node %d: %s, with %v", i, call, here)
		case f[0] == "join":
			here[f[2]] = true
		case f[0] == "leave":
			delete(here, f[2])
		}
	}
	if !maps.Equal(here, in) && len(here)+len(in) > 0 {
		s.Errorf("hooks of node %d say %v, want %v: %q", i, here, in, n.hooks.calls)
	}
}
