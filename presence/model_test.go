package presence_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic/roster"
)

// TestModel draws the same plans in every run. Other ones: -model.new; how many: -rapid.checks.
var freshPlans = flag.Bool("model.new", false, "draw new plans in TestModel")

// An act of a plan, and how long after the one before.
type act struct {
	After time.Duration
	What  string
	Node  int
	User  int // and which of the sessions, and what is worn
	Room  int
	For   time.Duration
}

var (
	doings = []string{"enter", "enter", "enter", "exit", "exit", "update", "watch", "join", "leave"}
	faults = []string{"frames", "frames", "partition", "disconnect", "slow", "fail", "hang", "lose", "late", "empty", "recheck",
		"crash", "restart", "bury then reborn", "reborn then bury", "orphan"}
)

func drawActs(rt *rapid.T) (nodes int, grace time.Duration, plan []act) {
	nodes = rapid.IntRange(3, 5).Draw(rt, "nodes")
	grace = rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Second}).Draw(rt, "grace")
	one := rapid.Custom(func(rt *rapid.T) act {
		ms := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Millisecond
		}
		what := doings
		if rapid.IntRange(0, 3).Draw(rt, "fault") == 0 {
			what = faults
		}
		most := rapid.SampledFrom([]int{0, 30, 2000}).Draw(rt, "within")
		return act{ms(most, "after"), rapid.SampledFrom(what).Draw(rt, "what"), rapid.IntRange(0, nodes-1).Draw(rt, "node"),
			rapid.IntRange(0, 5).Draw(rt, "user"), rapid.IntRange(0, 1).Draw(rt, "room"), ms(12000, "for")}
	})
	return nodes, grace, rapid.SliceOfN(one, 1, 60).Draw(rt, "plan")
}

// TestModel runs random sessions under random faults. When all has healed, every node, every
// client and the store have those who are there; and no client was ever told nonsense.
func TestModel(t *testing.T) {
	t.Parallel()
	if seed := flag.Lookup("rapid.seed").Value; seed.String() == "0" && !*freshPlans {
		if err := seed.Set("11"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		nodes, grace, plan := drawActs(rt)
		if !t.Run("plan", func(t *testing.T) { runActs(t, nodes, grace, plan) }) {
			rt.Fatalf("%d nodes, grace %v:\n%#v", nodes, grace, plan)
		}
	})
}

func runActs(t *testing.T, nodes int, grace time.Duration, plan []act) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nodes, presence.Policy{Grace: grace})
		defer w.end()
		wait := roster.DefaultCheckEvery*9/8 + 5*time.Second + grace
		for i, a := range plan {
			time.Sleep(a.After)
			w.act(i, a)
			if a.What == "orphan" || a.What == "late" || a.What == "empty" {
				wait = 2*roster.DefaultCheckEvery*9/8 + 15*time.Second + grace // what nobody cleans up after is seen twice first
			}
		}
		w.later.Wait()
		w.bus.SetFaults(membus.Faults{})
		w.bus.Heal()
		w.watchOnce()               // what nobody at all looks at stays as it is
		time.Sleep(8 * time.Second) // what is late has come
		for _, n := range w.nodes {
			if !n.crashed.Load() && *n.strait.mode.Load() != "" {
				t.Errorf("%s has not healed", n.id)
			}
		}
		time.Sleep(wait)
		synctest.Wait()
		w.mustAgree(slices.ContainsFunc(plan, func(a act) bool { return a.What == "late" }))
	})
}

// watchOnce has one node look at every room.
func (w *world) watchOnce() {
	i := slices.IndexFunc(w.nodes, func(n *place) bool { return !n.crashed.Load() })
	if i < 0 {
		i = len(w.nodes)
		w.nodes = append(w.nodes, w.begin())
	}
	for room := range w.rooms {
		w.act(0, act{What: "watch", Node: i, Room: room})
	}
}

// during has something be so for a time.
func (w *world) during(d time.Duration, begin, end func()) {
	begin()
	w.later.Go(func() {
		time.Sleep(d)
		end()
	})
}

func (w *world) act(i int, a act) {
	n, room := w.nodes[a.Node], w.rooms[a.Room]
	if n.crashed.Load() && a.What != "restart" {
		return
	}
	user, value := fmt.Sprint("u", a.User%4), fmt.Sprintf(`{"v":%d}`, i)
	switch a.What {
	case "enter":
		w.enter(n, &viewer{room: room, user: user}, value)
	case "update":
		if v := n.pick(a.User, func(v *viewer) bool { return v.user != "" && v.typed == nil }); v != nil {
			w.enter(n, v, value)
		}
	case "watch":
		v := &viewer{room: room}
		w.must(n.Watch(room, v, v))
		n.viewers = append(n.viewers, v)
	case "exit":
		if v := n.pick(a.User, func(v *viewer) bool { return v.typed == nil }); v != nil {
			w.must(n.Exit(v.room, v, v))
			n.drop(v)
		}
	case "join":
		w.join(n, room, user, value, a.For)
	case "leave":
		if v := n.pick(a.User, func(v *viewer) bool { return v.typed != nil }); v != nil {
			w.must(v.typed.Leave())
			n.drop(v)
		}
	default:
		w.fault(n, a)
	}
}

func (w *world) fault(n *place, a act) {
	switch a.What {
	case "frames":
		f := membus.Faults{Seed: uint64(a.For), Delay: time.Millisecond, Jitter: time.Duration(a.User) * 40 * time.Millisecond,
			Reorder: a.Room == 0, Duplicate: float64(a.User) / 10, Drop: float64(a.Node) / 8}
		w.during(a.For, func() { w.bus.SetFaults(f) }, func() {})
	case "partition":
		w.bus.Partition([]string{n.id}, []string{"store"})
		w.later.Go(func() { time.Sleep(a.For); w.bus.Heal() })
	case "disconnect":
		w.during(a.For, func() { w.bus.Disconnect(n.id) }, func() {
			if !n.crashed.Load() {
				w.bus.Reconnect(n.id)
			}
		})
	case "slow", "fail", "hang", "lose", "late":
		w.during(a.For, func() { n.set(a.What) }, func() {
			if !n.crashed.Load() {
				n.set("")
			}
		})
	case "empty":
		w.store.Empty()
	case "recheck":
		n.Recheck()
	default:
		w.death(n, a)
	}
}

func (w *world) death(n *place, a act) {
	life := *n.life.Load()
	switch a.What {
	case "crash", "orphan":
		w.crash(n)
		if a.What == "crash" {
			w.later.Go(func() { time.Sleep(a.For / 2); w.bury(life) })
		}
	case "restart":
		if n.crashed.Load() {
			w.nodes = append(w.nodes, n) // it is ended with the others
			w.nodes[a.Node] = w.begin()
		}
	case "reborn then bury":
		w.renew(n)
		n.Reborn()
		w.later.Go(func() { time.Sleep(a.For / 2); w.bury(life) })
	case "bury then reborn":
		w.bury(life)
		w.later.Go(func() {
			time.Sleep(a.For / 2)
			if life == *n.life.Load() && !n.crashed.Load() {
				w.renew(n)
				n.Reborn()
			}
		})
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
	}
}

// pick is one of a node's viewers.
func (n *place) pick(i int, fit func(*viewer) bool) *viewer {
	var all []*viewer
	for _, v := range n.viewers {
		if fit(v) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[i%len(all)]
}

func (w *world) enter(n *place, v *viewer, value string) {
	w.must(n.Enter(v.room, presence.Attendee{Outlet: v, Receiver: v, Identity: v.user, Data: json.RawMessage(value)}))
	n.drop(v)
	v.value = value
	n.viewers = append(n.viewers, v)
	w.used[v.room+" "+v.user+" "+value] = true
}

// join has a part of the program join, and waits for it.
func (w *world) join(n *place, room, user, value string, limit time.Duration) {
	w.used[room+" "+user+" "+value] = true
	ctx, cancel := context.WithTimeout(context.Background(), max(limit/8, 1))
	defer cancel()
	s, err := presence.Of[json.RawMessage](n.Presence, room).Join(ctx, user, json.RawMessage(value))
	if err != nil {
		return
	}
	n.viewers = append(n.viewers, &viewer{room: room, user: user, value: value, typed: s})
}

// mustAgree compares every view with what should be.
func (w *world) mustAgree(late bool) {
	for _, room := range w.rooms {
		s, err := w.store.Load(context.Background(), presence.Name(room))
		w.must(err)
		truth := map[string]string{}
		for key, value := range s.Members {
			truth[key] = string(value)
		}
		w.mustBeRight(room, truth, late)
		for _, n := range w.nodes {
			if !n.crashed.Load() {
				w.mustSee(n, room, truth)
			}
		}
	}
	for _, n := range w.nodes {
		for _, v := range n.viewers {
			for _, f := range v.faults {
				w.t.Errorf("viewer on %s of %s: %s", n.id, v.room, f)
			}
		}
	}
}

// mustBeRight compares the store with the sessions: each user is there, with the value of
// one node's newest session.
func (w *world) mustBeRight(room string, truth map[string]string, late bool) {
	want := map[string][]string{}
	for _, n := range w.nodes {
		if !n.crashed.Load() {
			for user, value := range n.newest(room) {
				want[user] = append(want[user], value)
			}
		}
	}
	for user, values := range want {
		if got, there := truth[user]; !there || !slices.Contains(values, got) && !(late && w.used[room+" "+user+" "+got]) {
			w.t.Errorf("%s: %s has %q, want one of %q", room, user, got, values)
		}
	}
	for user := range truth {
		if want[user] == nil {
			w.t.Errorf("%s: %s is there", room, user)
		}
	}
}

func (w *world) mustSee(n *place, room string, truth map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	all, err := n.List(ctx, room)
	w.must(err)
	got := map[string]string{}
	for _, m := range all {
		got[m.Key] = string(m.Data)
	}
	if !maps.Equal(got, truth) {
		w.t.Errorf("%s lists %v of %s, want %v", n.id, got, room, truth)
	}
	for _, v := range n.viewers {
		if v.room != room || v.typed != nil {
			continue
		}
		v.mu.Lock()
		if !v.in || !maps.Equal(v.seen, truth) {
			w.t.Errorf("viewer %q on %s (in: %v) sees %v of %s, want %v", v.user, n.id, v.in, v.seen, room, truth)
		}
		v.mu.Unlock()
	}
}
