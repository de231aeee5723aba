package topic_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

// TestModel draws the same plans in every run. Other ones: -model.new; how many: -rapid.checks.
var freshPlans = flag.Bool("model.new", false, "draw new plans in TestModel")

// An act of a plan, and how long after the one before.
type act struct {
	After time.Duration
	What  string
	Node  int
	N     int // how many messages, how far back, which receiver
	For   time.Duration
}

var (
	doings = []string{"publish", "publish", "publish", "publish once", "publish once", "subscribe", "subscribe since", "subscribe since", "unsubscribe"}
	harms  = []string{"frames", "frames", "partition", "disconnect", "slow", "slow", "fail", "hang", "lose", "clear", "crash", "recheck"}
)

func drawActs(rt *rapid.T) (nodes, history int, plan []act) {
	nodes = rapid.IntRange(3, 5).Draw(rt, "nodes")
	history = rapid.SampledFrom([]int{5, 10_000}).Draw(rt, "history")
	one := rapid.Custom(func(rt *rapid.T) act {
		ms := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Millisecond
		}
		what := doings
		if rapid.IntRange(0, 3).Draw(rt, "harm") == 0 {
			what = harms
		}
		most := rapid.SampledFrom([]int{0, 30, 2000}).Draw(rt, "within")
		return act{ms(most, "after"), rapid.SampledFrom(what).Draw(rt, "what"), rapid.IntRange(0, nodes-1).Draw(rt, "node"),
			rapid.IntRange(0, 9).Draw(rt, "n"), ms(12000, "for")}
	})
	return nodes, history, rapid.SliceOfN(one, 1, 60).Draw(rt, "plan")
}

// TestModel publishes and subscribes at random under random faults. Each receiver sees each
// number once and in order, or is told what it missed; in the end all are at the head.
func TestModel(t *testing.T) {
	t.Parallel()
	if seed := flag.Lookup("rapid.seed").Value; seed.String() == "0" && !*freshPlans {
		if err := seed.Set("11"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		nodes, history, plan := drawActs(rt)
		if !t.Run("plan", func(t *testing.T) { runActs(t, nodes, history, plan) }) {
			rt.Fatalf("%d nodes, history %d:\n%#v", nodes, history, plan)
		}
	})
}

func runActs(t *testing.T, nodes, history int, plan []act) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, bus: membus.New(), log: &ledger{Store: memstore.New(memstore.Config{}), kept: map[topic.Position]string{}}, history: history}
		for range nodes {
			w.nodes = append(w.nodes, w.begin())
		}
		for _, a := range plan {
			time.Sleep(a.After)
			w.act(w.nodes[a.Node], a)
		}
		w.later.Wait()
		w.bus.SetFaults(membus.Faults{})
		w.bus.Heal()
		time.Sleep(10 * time.Second)
		for _, n := range w.nodes { // so that all hear of what they may have lost
			if !n.crashed.Load() {
				w.publish(n, "")
				break
			}
		}
		time.Sleep(10 * time.Second)
		w.mustBeAtTheHead()
		w.end()
	})
}

// A ledger is the log that all nodes share. It remembers everything.
type ledger struct {
	*memstore.Store
	mu   sync.Mutex
	kept map[topic.Position]string
}

// A gate stands between one node and the ledger.
type gate struct {
	*ledger
	mode atomic.Pointer[string] // "", slow, fail, hang, lose
}

// Local hides that the memory does no I/O.
func (g *gate) Local(hidden struct{}) {}

func (g *gate) pass(ctx context.Context, call func() error) error {
	switch *g.mode.Load() {
	case "fail":
		return fmt.Errorf("down")
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "lose":
		_ = call()
		return fmt.Errorf("answer lost")
	}
	travel(*g.mode.Load())
	defer travel(*g.mode.Load())
	return call()
}

// travel is how long a call, or its answer, is on its way.
func travel(mode string) {
	most := 3 * time.Millisecond
	if mode == "slow" {
		most = 600 * time.Millisecond
	}
	time.Sleep(rand.N(most))
}

func (g *gate) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (a topic.Appended, err error) {
	err = g.pass(ctx, func() (err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		a, err = g.Store.Append(ctx, name, batch, keep)
		for i, r := range a.Results {
			if !r.Duplicate {
				g.kept[topic.Position{Epoch: a.Epoch, Seq: r.Seq}] = string(batch[i].Data)
			}
		}
		return err
	})
	if err != nil {
		return topic.Appended{}, err
	}
	return a, nil
}

func (g *gate) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (p topic.Page, err error) {
	err = g.pass(ctx, func() (err error) { p, err = g.Store.Read(ctx, name, after, limit, keep); return err })
	if err != nil {
		return topic.Page{}, err
	}
	return p, nil
}

// A world is some nodes in a bubble.
type world struct {
	t       *testing.T
	bus     *membus.Bus
	log     *ledger
	history int
	later   sync.WaitGroup
	nodes   []*member
	gone    []*member
	made    int
	said    int
}

type member struct {
	*topic.Topics
	id      string
	system  *actors.System
	gate    *gate
	crashed atomic.Bool
	ears    []*ear
}

func (w *world) begin() *member {
	w.made++
	n := &member{id: fmt.Sprint("n", w.made), system: actors.NewSystem(actors.Config{}), gate: &gate{ledger: w.log}}
	n.set("")
	var err error
	n.Topics, err = topic.Start(topic.Config{System: n.system, Log: n.gate, Relay: w.bus.Node(n.id), Node: n.id,
		Policies: []topic.Policy{{History: w.history}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (n *member) set(mode string) { n.gate.mode.Store(&mode) }

func (w *world) act(n *member, a act) {
	switch a.What {
	case "publish":
		for range 1 + a.N/3 {
			w.publish(n, "")
		}
	case "publish once": // again and again, on another node too, until it is known
		w.publish(n, fmt.Sprint("id", a.N))
	case "subscribe":
		w.subscribe(n, nil)
	case "subscribe since":
		head, err := w.log.Read(context.Background(), "x", 0, 0, topic.Retention{Size: w.history, Dedup: time.Minute})
		if err == nil {
			head.Head.Seq -= min(head.Head.Seq, uint64(a.N))
			w.subscribe(n, &head.Head)
		}
	case "unsubscribe":
		if len(n.ears) > 0 {
			e := n.ears[a.N%len(n.ears)]
			n.ears = slices.DeleteFunc(n.ears, func(o *ear) bool { return o == e })
			if err := n.Unsubscribe("x", e, e); err != nil {
				w.t.Error(err)
			}
			w.gone = append(w.gone, &member{ears: []*ear{e}})
		}
	default:
		w.harm(n, a)
	}
}

func (w *world) harm(n *member, a act) {
	during := func(begin, end func()) {
		begin()
		w.later.Go(func() {
			time.Sleep(a.For)
			if !n.crashed.Load() {
				end()
			}
		})
	}
	switch a.What {
	case "frames":
		during(func() {
			w.bus.SetFaults(membus.Faults{Seed: uint64(a.For), Delay: time.Millisecond, Jitter: time.Duration(a.N) * 30 * time.Millisecond,
				Reorder: a.N%2 == 0, Duplicate: float64(a.N) / 10, Drop: float64(a.Node) / 6})
		}, func() {})
	case "partition":
		w.bus.Partition([]string{n.id}, []string{w.nodes[0].id, w.nodes[1].id})
		w.later.Go(func() { time.Sleep(a.For); w.bus.Heal() })
	case "disconnect":
		during(func() { w.bus.Disconnect(n.id) }, func() { w.bus.Reconnect(n.id) })
	case "slow", "fail", "hang", "lose":
		during(func() { n.set(a.What) }, func() { n.set("") })
	case "clear":
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = n.Clear(ctx, "x") // one that is cut off can not
	case "recheck":
		n.Recheck()
	case "crash":
		n.crashed.Store(true)
		n.set("fail")
		w.bus.Disconnect(n.id)
		w.gone = append(w.gone, n)
		w.nodes[slices.Index(w.nodes, n)] = w.begin()
	}
}

// publish says something that was never said before, unless it has an id.
func (w *world) publish(n *member, id string) {
	w.said++
	data := fmt.Sprintf(`"%d"`, w.said)
	if id != "" {
		data = `"` + id + `"`
	}
	err := n.Post("x", topic.Message{Event: "n", Data: []byte(data), ID: id}, func(r topic.Receipt, err error) {
		if err != nil {
			return
		}
		w.log.mu.Lock()
		defer w.log.mu.Unlock()
		if got := w.log.kept[r.Position]; got != data {
			w.t.Errorf("%s was kept as %v, where the log has %s", data, r.Position, got)
		}
	})
	if err != nil {
		w.t.Error(err)
	}
}

func (w *world) subscribe(n *member, since *topic.Position) {
	e := &ear{log: w.log, since: since}
	n.ears = append(n.ears, e)
	if err := n.Subscribe("x", topic.Subscription{Outlet: e, Receiver: e, Since: since}); err != nil {
		w.t.Error(err)
	}
}

// mustBeAtTheHead checks what receivers heard, and that they heard all.
func (w *world) mustBeAtTheHead() {
	page, err := w.log.Read(context.Background(), "x", 0, 0, topic.Retention{Size: w.history})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range append(slices.Clone(w.nodes), w.gone...) {
		for _, e := range n.ears {
			e.mu.Lock()
			for _, f := range e.faults {
				w.t.Errorf("receiver on %s: %s; it heard %s", n.id, f, e.words)
			}
			if !n.crashed.Load() && e.in && !e.out && e.at != page.Head {
				w.t.Errorf("receiver on %s is at %v of %v; it heard %s", n.id, e.at, page.Head, e.words)
			}
			e.mu.Unlock()
		}
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	seen := map[string]topic.Position{}
	for at, data := range w.log.kept {
		if key := at.Epoch + data; len(data) > 3 && data[1] == 'i' {
			if other, twice := seen[key]; twice {
				w.t.Errorf("%s was kept twice, as %v and %v", data, other, at)
			}
			seen[key] = at
		}
	}
}

func (w *world) end() {
	w.bus.Close()
	for _, n := range append(slices.Clone(w.nodes), w.gone...) {
		if n.Topics != nil {
			if err := n.Close(context.Background()); err != nil {
				w.t.Error(err)
			}
			if err := n.system.Close(context.Background()); err != nil {
				w.t.Error(err)
			}
		}
	}
}
