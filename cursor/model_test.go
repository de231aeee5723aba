package cursor_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/cursor"
)

// TestRandomPlans has three nodes move and remove while the network loses, repeats, delays and
// reorders, is cut, or nothing works at all. After it has healed every viewer and every node
// agree with what the movers did last.
func TestRandomPlans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 5, 40).Draw(rt, "steps")
		seed := rapid.Uint64().Draw(rt, "seed")
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = runPlan(t, seed, steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

type step struct {
	what string
	node string
	key  int
	wait time.Duration
}

var planNodes = []string{"a", "b", "c"}

func drawStep(t *rapid.T) step {
	return step{
		what: rapid.SampledFrom([]string{"move", "move", "move", "move", "remove", "remove", "faults", "calm", "cut", "part", "down", "slow", "reborn",
			"leave", "look", "list"}).Draw(t, "what"),
		node: rapid.SampledFrom(planNodes).Draw(t, "node"),
		key:  rapid.IntRange(0, 3).Draw(t, "key"),
		wait: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 10, 40, 300, 1000}).Draw(t, "wait")) * time.Millisecond,
	}
}

// A plan is what a run knows to be true.
type plan struct {
	t      *testing.T
	c      *cluster
	seed   uint64
	model  map[string]string
	eyes   map[string]*viewer
	gone   string // the node that is cut off
	births int
	moves  int
}

func runPlan(t *testing.T, seed uint64, steps []step) (fault string) {
	p := &plan{t: t, c: newCluster(t, cursor.Policy{TTL: 3 * time.Minute}, planNodes...), seed: seed, model: map[string]string{}, eyes: map[string]*viewer{}}
	for _, n := range planNodes {
		p.eyes[n] = watch(t, p.c.nodes[n].Boards, "room")
	}
	pass(time.Second)
	for _, s := range steps {
		p.do(s)
		pass(s.wait)
	}
	p.heal()
	pass(45 * time.Second) // the steps may have taken as long: see quietWait
	for _, n := range planNodes {
		if got := list(t, p.c.nodes[n].Boards, "room"); !maps.Equal(got, p.model) {
			return fmt.Sprintf("%s lists %v, want %v", n, got, p.model)
		}
		if v := p.eyes[n]; v != nil && !maps.Equal(v.sees(), p.model) {
			return fmt.Sprintf("%s sees %v, want %v: %s", n, v.sees(), p.model, v.heard())
		}
	}
	stored, err := p.c.store.Store.Load(t.Context(), "room")
	kept := map[string]string{}
	for _, e := range stored {
		kept[e.Key] = string(e.Data)
	}
	if err != nil || !maps.Equal(kept, p.model) {
		return fmt.Sprintf("the store has %v, %v, want %v", kept, err, p.model)
	}
	return ""
}

func (p *plan) do(s step) {
	n := p.c.nodes[s.node]
	key := fmt.Sprint(s.node, s.key)
	switch s.what {
	case "move":
		p.moves++
		p.model[key] = fmt.Sprint(p.moves)
		move(p.t, n.Boards, "room", key, p.model[key])
	case "remove":
		delete(p.model, key)
		remove(p.t, n.Boards, "room", key)
	case "faults":
		p.seed++
		p.c.bus.SetFaults(membus.Faults{Seed: p.seed, Jitter: 500 * time.Millisecond, Reorder: true, Duplicate: 0.3, Drop: 0.3})
	case "calm":
		p.c.bus.SetFaults(membus.Faults{})
	case "down":
		p.c.down(errDown)
	case "slow":
		p.c.store.set(func(f *flaky) { f.slow = time.Duration(s.key) * time.Second })
	case "reborn":
		p.reborn(s.node)
	case "cut":
		if p.gone == "" {
			p.gone = s.node
			p.c.bus.Disconnect(s.node)
		}
	case "part":
		p.c.bus.Partition([]string{s.node}, []string{planNodes[s.key%3]})
	case "leave", "look":
		p.look(s)
	case "list":
		go func() { _, _ = n.List(p.t.Context(), "room") }()
	}
}

func (p *plan) look(s step) {
	n, v := p.c.nodes[s.node], p.eyes[s.node]
	switch {
	case s.what == "leave" && v != nil:
		_ = n.Detach("room", v, v)
		delete(p.eyes, s.node)
	case s.what == "look" && v == nil:
		p.eyes[s.node] = watch(p.t, n.Boards, "room")
	}
}

// reborn has the others take a node for dead that is not.
func (p *plan) reborn(name string) {
	n := p.c.nodes[name]
	old := *n.life.Load()
	for _, other := range planNodes {
		if other != name {
			p.c.nodes[other].Forget(old)
		}
	}
	p.births++
	life := fmt.Sprint(name, ".", p.births+1)
	n.life.Store(&life)
	n.Recheck()
}

func (p *plan) heal() {
	if p.gone != "" {
		p.c.bus.Reconnect(p.gone)
	}
	p.c.bus.Heal()
	p.c.bus.SetFaults(membus.Faults{})
	p.c.down(nil)
	p.c.store.set(func(f *flaky) { f.slow = 0 })
}
