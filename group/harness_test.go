package group_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the backend is down")

// A node is one of a cluster's.
type node struct {
	*group.Groups
	store  *faulty
	hooks  *hookLog
	system *actors.System

	mu   sync.Mutex
	life string
	gone bool // it crashed
}

func (n *node) crashed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

func (n *node) present() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life
}

// revive gives a node another life.
func (n *node) revive(life string) {
	n.mu.Lock()
	n.life = life
	n.mu.Unlock()
	n.Reborn()
}

// A world is a cluster under test.
type world struct {
	testing.TB
	nodes []*node
	empty func() // the backend loses everything

	// eventually waits until ok is content.
	eventually func(what string, ok func() error)
	// settle waits until nothing is under way any more.
	settle func()
}

// A backend makes what a node stands on.
type backend func(i int) (group.Store, topic.Relay)

// A setting changes the Config of a node.
type setting func(i int, cfg *group.Config)

func policies(ps ...group.Policy) setting {
	return func(_ int, cfg *group.Config) { cfg.Policies = ps }
}

func newWorld(t testing.TB) *world { return &world{TB: t} }

func (w *world) start(n int, make backend, settings ...setting) {
	for i := range n {
		store, relay := make(i)
		nd := &node{life: fmt.Sprintf("n%d-1", i), store: &faulty{Store: store}, hooks: &hookLog{},
			system: actors.NewSystem(actors.Config{})}
		cfg := group.Config{
			System: nd.system, Store: nd.store, Relay: relay, Node: fmt.Sprintf("n%d", i),
			Life: nd.present, Hooks: nd.hooks.hooks(),
		}
		for _, set := range settings {
			set(i, &cfg)
		}
		if _, ok := store.(roster.LocalStore); ok {
			cfg.Store = localFaulty{nd.store}
		}
		groups, err := group.Start(cfg)
		if err != nil {
			w.Fatal(err)
		}
		nd.Groups = groups
		w.nodes = append(w.nodes, nd)
		w.Cleanup(func() { w.end(nd) })
	}
}

func (w *world) end(n *node) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(n.Stop(ctx), n.system.Close(ctx)); err != nil && !n.crashed() {
		w.Errorf("stop: %v", err)
	}
}

// crash has a node do nothing more: neither store nor receivers hear of it.
func (w *world) crash(n *node) {
	n.mu.Lock()
	n.gone = true
	n.mu.Unlock()
	n.store.set(func(f *faulty) { f.fail = errDown })
}

// inMemory is a world of nodes in one process, in a bubble.
func inMemory(n int) func(t *testing.T, f func(w *world), settings ...setting) {
	return func(t *testing.T, f func(w *world), settings ...setting) {
		synctest.Test(t, func(t *testing.T) {
			bus := membus.New()
			t.Cleanup(bus.Close)
			w := newWorld(t)
			w.settle = synctest.Wait
			w.eventually = func(what string, ok func() error) {
				t.Helper()
				var err error
				for range 600 {
					synctest.Wait()
					if err = ok(); err == nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
				t.Fatalf("%s: %v", what, err)
			}
			if n == 1 {
				store := memstore.NewLocalRosters()
				w.empty = store.Empty
				w.start(1, func(int) (group.Store, topic.Relay) { return store, nil }, settings...)
			} else {
				store := memstore.NewRosters(bus.Node("store"))
				w.empty = store.Empty
				w.start(n, func(i int) (group.Store, topic.Relay) { return store, bus.Node(fmt.Sprintf("n%d", i)) }, settings...)
			}
			f(w)
		})
	}
}

func (w *world) first() *node { return w.nodes[0] }
func (w *world) last() *node  { return w.nodes[len(w.nodes)-1] }

// count waits until every node that lives counts so many.
func (w *world) count(name string, want int) {
	w.Helper()
	w.eventually(fmt.Sprintf("%d members", want), func() error {
		for i, n := range w.nodes {
			if n.crashed() {
				continue
			}
			got, err := n.Count(w.Context(), name)
			if err != nil || got != want {
				return fmt.Errorf("node %d counts %d (%v)", i, got, err)
			}
		}
		return nil
	})
}

// hookLog writes down the calls of hooks.
type hookLog struct {
	mu    sync.Mutex
	calls []string
}

func (l *hookLog) hooks() group.Hooks {
	note := func(what string) func(string, group.Member) {
		return func(name string, m group.Member) { l.add(fmt.Sprintf("%s %s %s %s", what, name, m.Key, m.Role)) }
	}
	return group.Hooks{OnJoin: note("join"), OnLeave: note("leave"), OnFull: note("full"),
		OnClose: func(name string) { l.add("close " + name) }}
}

func (l *hookLog) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, s)
}

func (l *hookLog) sees(w *world, want ...string) {
	w.Helper()
	w.eventually("hooks", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !slices.Equal(l.calls, want) {
			return fmt.Errorf("called %q, want %q", l.calls, want)
		}
		return nil
	})
}
