package roster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

// A port is one node's way to the store. Its fields may be changed between calls.
type port struct {
	*memstore.Rosters
	mu     sync.Mutex
	before func(ctx context.Context, what string) error
	after  func(what string) error
	calls  map[string]int
}

func (p *port) set(before func(ctx context.Context, what string) error, after func(what string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after = before, after
}

func (p *port) down(err error) {
	if err == nil {
		p.set(nil, nil)
		return
	}
	p.set(func(context.Context, string) error { return err }, nil)
}

func (p *port) hang() {
	p.set(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, nil)
}

func (p *port) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[what]
}

func (p *port) do(ctx context.Context, what string, call func() error) error {
	p.mu.Lock()
	p.calls[what]++
	before, after := p.before, p.after
	p.mu.Unlock()
	if before != nil {
		if err := before(ctx, what); err != nil {
			return err
		}
	}
	err := call()
	if after != nil {
		return errors.Join(after(what), err)
	}
	return err
}

func (p *port) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (a roster.Applied, err error) {
	err = p.do(ctx, "apply", func() (err error) { a, err = p.Rosters.Apply(ctx, name, life, ops, limit); return err })
	return a, err
}

func (p *port) Load(ctx context.Context, name string) (s roster.Snapshot, err error) {
	err = p.do(ctx, "load", func() (err error) { s, err = p.Rosters.Load(ctx, name); return err })
	return s, err
}

func (p *port) Check(ctx context.Context, name string) (s roster.Standing, err error) {
	err = p.do(ctx, "check", func() (err error) { s, err = p.Rosters.Check(ctx, name); return err })
	return s, err
}

// A rig is nodes a, b ... over one bus and one store, in a bubble.
type rig struct {
	t     *testing.T
	bus   *membus.Bus
	store *memstore.Rosters
	nodes map[string]*node
	dead  sync.Map // lives that Alive denies
}

type node struct {
	*roster.Rosters
	t      *testing.T
	id     string
	port   *port
	system *actors.System
	mu     sync.Mutex
	life   string
	panics int // how often the Face still panics
}

func bubble(t *testing.T, names string, rules roster.Rules, f func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, bus: membus.New(), nodes: map[string]*node{}}
		r.store = memstore.NewRosters(r.bus.Node("store"))
		for _, id := range strings.Fields(names) {
			r.begin(id, rules)
		}
		f(t, r)
		for _, n := range r.nodes {
			n.port.down(nil)
			if err := errors.Join(n.Close(t.Context()), n.system.Close(t.Context())); err != nil {
				t.Errorf("close %s: %v", n.id, err)
			}
		}
		r.bus.Close()
	})
}

func (r *rig) begin(id string, rules roster.Rules) *node {
	n := &node{t: r.t, id: id, life: id + "/1", port: &port{Rosters: r.store, calls: map[string]int{}}, system: actors.NewSystem(actors.Config{})}
	var err error
	n.Rosters, err = roster.Start(roster.Config{
		System: n.system, Kind: "roster", Prefix: "__r:", Store: n.port, Relay: r.bus.Node(id), Node: id,
		Life:  func() string { n.mu.Lock(); defer n.mu.Unlock(); return n.life },
		Alive: func(life string) bool { _, dead := r.dead.Load(life); return !dead },
		Rules: func(string) roster.Rules { return rules },
		Face:  func(string) roster.Face { return &face{n} },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.nodes[id] = n
	return n
}

func (n *node) reborn(life string) {
	n.mu.Lock()
	n.life = life
	n.mu.Unlock()
	n.Reborn()
}

// has fails the test unless the store has exactly these, as "a=1 b=2".
func (r *rig) has(want string) {
	r.t.Helper()
	synctest.Wait()
	s, err := r.store.Load(context.Background(), "__r:x")
	if got := members(s.Members); err != nil || got != want {
		r.t.Errorf("the store has %q, %v; want %q", got, err, want)
	}
}

// lists fails the test unless the node reads exactly these.
func (n *node) lists(want string) {
	n.t.Helper()
	synctest.Wait()
	v, err := n.Read(n.t.Context(), "x")
	if err != nil {
		n.t.Errorf("%s: %v", n.id, err)
	} else if got := members(v.Members); got != want {
		n.t.Errorf("%s lists %q, want %q", n.id, got, want)
	}
}

func members(all map[string][]byte) string {
	var s []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		s = append(s, fmt.Sprintf("%s=%s", key, all[key]))
	}
	return strings.Join(s, " ")
}

// join has a session without an outlet join, and waits.
func (n *node) join(receiver any, key, value string) error {
	return n.Join(n.t.Context(), "x", roster.Session{Receiver: receiver, Key: key, Value: []byte(value)})
}

func (n *node) leave(receiver any) {
	n.t.Helper()
	if err := n.Leave("x", nil, receiver, false); err != nil {
		n.t.Error(err)
	}
	synctest.Wait()
}

// watch has an ear listen.
func (n *node) watch() *ear {
	n.t.Helper()
	e := &ear{n: n}
	if err := n.Watch("x", e, e); err != nil {
		n.t.Error(err)
	}
	synctest.Wait()
	return e
}

// A face says what there is to say, as few words as possible.
type face struct{ n *node }

func say(v *roster.View, event, data string) *topic.Batch {
	e := topic.NewEvent("__r:x", event, []byte(`"`+data+`"`), fmt.Sprintf(`,"version":%d`, v.Version))
	return &topic.Batch{Events: []*topic.Event{e}}
}

func (f *face) State(v *roster.View, key string) *topic.Batch {
	f.n.mu.Lock()
	f.n.panics--
	bad := f.n.panics >= 0
	f.n.mu.Unlock()
	if bad {
		panic("face")
	}
	return say(v, "state", members(v.Members))
}

func (f *face) Diff(v *roster.View, changes []roster.Moved) *topic.Batch {
	f.State(v, "")
	var s []string
	for _, c := range changes {
		if c.Value != nil {
			s = append(s, fmt.Sprintf("+%s=%s", c.Key, c.Value))
		} else {
			s = append(s, "-"+c.Key)
		}
	}
	return say(v, "diff", strings.Join(s, " "))
}

func (f *face) Word(w roster.Word) *topic.Batch {
	if w.Event == "nothing" {
		return nil
	}
	return &topic.Batch{Events: []*topic.Event{topic.NewEvent("__r:x", w.Event, w.Data, "")}}
}

func (f *face) Mark(v *roster.View, m roster.Mark) *topic.Batch {
	if m == roster.MarkBeat {
		return say(v, "beat", "")
	}
	return say(v, "closed", "")
}

// An ear is an Outlet with one receiver, itself.
type ear struct {
	n     *node
	mu    sync.Mutex
	words []string
}

func (e *ear) add(word string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.words = append(e.words, word)
}

func (e *ear) Deliver(_ string, b *topic.Batch) {
	for _, ev := range b.Events {
		if l := ev.Loss(); l != nil && l.Stale {
			e.add("stale")
			continue
		}
		e.add(ev.Name() + " " + strings.Trim(string(ev.Data()), `"`))
	}
}

func (e *ear) DeliverTo(name string, _ any, b *topic.Batch) { e.Deliver(name, b) }

func (e *ear) Joined(name string, _ any, j topic.Joined) {
	if j.Err != nil {
		e.add("refused")
		return
	}
	e.add("in")
	if j.Missed != nil {
		e.Deliver(name, j.Missed)
	}
}

func (e *ear) Left(string, any)     { e.add("left") }
func (e *ear) Closed(string, error) { e.add("over") }

// heard fails the test unless exactly these came since it was asked last.
func (e *ear) heard(want ...string) {
	e.n.t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.words, want) {
		e.n.t.Errorf("heard %q, want %q", e.words, want)
	}
	e.words = nil
}

// sees fails the test unless what came until now makes exactly these members.
func (e *ear) sees(want string) {
	e.n.t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string][]byte{}
	for _, w := range e.words {
		f := strings.Fields(w)
		if f[0] == "state" {
			clear(all)
		}
		for _, m := range f[1:] {
			key, value, put := strings.Cut(strings.TrimLeft(m, "+-"), "=")
			if all[key] = []byte(value); !put {
				delete(all, key)
			}
		}
	}
	if got := members(all); got != want {
		e.n.t.Errorf("sees %q, want %q; heard %q", got, want, e.words)
	}
	e.words = nil
}

// pause lets time pass in the bubble.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
