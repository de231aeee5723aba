package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// beings starts presence with these policies, or with presence on all topics.
func beings(store roster.Store, policies ...presence.Policy) func(testing.TB, *actors.System) beside {
	return counted(nil, store, policies...)
}

// counted is beings with metrics.
func counted(r prometheus.Registerer, store roster.Store, policies ...presence.Policy) func(testing.TB, *actors.System) beside {
	return func(t testing.TB, s *actors.System) beside {
		t.Helper()
		p, err := presence.Start(presence.Config{System: s, Store: store, Policies: policies, Registerer: r})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { shut(t, "presence", p.Close) })
		return beside{presence: p}
	}
}

func gathering(store group.Store, policies ...group.Policy) func(testing.TB, *actors.System) beside {
	return func(t testing.TB, s *actors.System) beside {
		t.Helper()
		g, err := group.Start(group.Config{System: s, Store: store, Policies: policies})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { shut(t, "groups", g.Stop) })
		return beside{groups: g}
	}
}

func pointers(policies ...cursor.Policy) func(testing.TB, *actors.System) beside {
	return func(t testing.TB, s *actors.System) beside {
		t.Helper()
		c, err := cursor.Start(cursor.Config{System: s, Policies: policies})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { shut(t, "cursors", c.Close) })
		return beside{cursors: c}
	}
}

// all has everything that a node may have.
func all(t testing.TB, s *actors.System) beside {
	store := memstore.NewLocalRosters()
	b := beings(store)(t, s)
	b.groups = gathering(store)(t, s).groups
	b.cursors = pointers()(t, s).cursors
	return b
}

// named takes the user's name from the query: ?as=ann.
func named(_ context.Context, r *http.Request) (gateway.Identity, error) {
	id := r.URL.Query().Get("as")
	if id == "" {
		return gateway.Identity{}, nil
	}
	return gateway.Identity{ID: id, Data: fmt.Appendf(nil, `{"name":%q,"token":"secret"}`, strings.ToUpper(id))}, nil
}

// dialAs connects as somebody and reads welcome.
func (b *bundle) dialAs(id string) *client {
	b.t.Helper()
	c, _, err := b.dialWith("?as="+id, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	c.next()
	return c
}

// gate is a store whose changes can be held up, and made to fail.
type gate struct {
	*memstore.Rosters

	mu    sync.Mutex
	shut  chan struct{}
	fails bool
	calls chan int // ops of each Apply, as it begins; nil for nobody to be told
}

func newGate() *gate { return &gate{Rosters: memstore.NewRosters(nil)} }

var errDown = errors.New("down")

func (g *gate) Apply(ctx context.Context, name, life string, ops []roster.Op, most int) (roster.Applied, error) {
	g.mu.Lock()
	wait, fails, calls := g.shut, g.fails, g.calls
	g.mu.Unlock()
	if calls != nil {
		select {
		case calls <- len(ops):
		default:
		}
	}
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return roster.Applied{}, ctx.Err()
		}
	}
	if fails {
		return roster.Applied{}, errDown
	}
	return g.Rosters.Apply(ctx, name, life, ops, most)
}

// hold has changes wait until the result is called. held is sent to as each begins.
func (g *gate) hold() (release func(), held chan int) {
	c := make(chan struct{})
	held = make(chan int, 16)
	g.mu.Lock()
	g.shut, g.calls = c, held
	g.mu.Unlock()
	return sync.OnceFunc(func() {
		g.mu.Lock()
		g.shut, g.calls = nil, nil
		g.mu.Unlock()
		close(c)
	}), held
}

func (g *gate) fail(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails = yes
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}

// here is who is on a topic.
func (b *bundle) here(name string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	list, err := b.node.presence.List(ctx, name)
	if err != nil {
		b.t.Fatal(err)
	}
	var keys []string
	for _, m := range list {
		keys = append(keys, m.Key)
	}
	return strings.Join(keys, " ")
}

// leaves are the keys that a presence_diff says have left.
func leaves(f obj) []string { return keysOf(f, "leaves") }
func joins(f obj) []string  { return keysOf(f, "joins") }

func keysOf(f obj, part string) (keys []string) {
	data, _ := f["data"].(obj)
	members, _ := data[part].(obj)
	for key := range members {
		keys = append(keys, key)
	}
	return keys
}

// members are the keys of a presence_state.
func members(t testing.TB, f obj) map[string]json.RawMessage {
	t.Helper()
	if f["event"] != "presence_state" {
		t.Fatalf("got %v, want presence_state", f)
	}
	got := map[string]json.RawMessage{}
	for key, value := range f["data"].(obj) {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got[key] = b
	}
	return got
}

// failing makes a Log that can not be read; it says so when after is closed, at once
// if that is nil.
func failing(after chan struct{}) func(topic.Log) topic.Log {
	return func(l topic.Log) topic.Log { return deaf{l, after} }
}

type deaf struct {
	topic.Log
	after chan struct{}
}

func (d deaf) Read(ctx context.Context, _ string, _ uint64, _ int, _ topic.Retention) (topic.Page, error) {
	if d.after != nil {
		select {
		case <-d.after:
		case <-ctx.Done():
		}
	}
	return topic.Page{}, errDown
}
