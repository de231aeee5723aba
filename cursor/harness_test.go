package cursor_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The random plans are the same in every run; what they find becomes a test.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.seed": "11"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m)
}

// start gives Boards that end with the test.
func start(t testing.TB, cfg cursor.Config) *cursor.Boards {
	t.Helper()
	if cfg.System == nil {
		cfg.System = actors.NewSystem(actors.Config{})
	}
	boards, err := cursor.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(boards.Close(ctx), cfg.System.Close(ctx)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return boards
}

// A cluster is nodes that share a bus and a store, in one process.
type cluster struct {
	t     testing.TB
	bus   *membus.Bus
	store *flaky
	nodes map[string]*node
}

type node struct {
	*cursor.Boards
	life  atomic.Pointer[string]
	wakes atomic.Int64 // an actor that does something asks for the life
	sys   *actors.System
}

func newCluster(t testing.TB, p cursor.Policy, names ...string) *cluster {
	c := &cluster{t: t, bus: membus.New(), store: &flaky{Store: memstore.NewCursors(), delay: time.Millisecond}, nodes: map[string]*node{}}
	t.Cleanup(c.bus.Close)
	for _, name := range names {
		c.start(name, p)
	}
	return c
}

func (c *cluster) start(name string, p cursor.Policy) *node {
	n := &node{sys: actors.NewSystem(actors.Config{})}
	life := name + ".1"
	n.life.Store(&life)
	n.Boards = start(c.t, cursor.Config{
		System: n.sys, Store: c.store, Relay: c.bus.Node(name), Node: name,
		Life: func() string { n.wakes.Add(1); return *n.life.Load() }, Policies: []cursor.Policy{p},
	})
	c.nodes[name] = n
	return n
}

// flaky is a Store whose calls take time and can be made to fail or hang.
type flaky struct {
	cursor.Store
	delay time.Duration

	mu    sync.Mutex
	slow  time.Duration // what Save takes beyond delay
	fail  error
	hang  bool
	saves []time.Time
	loads int
}

func (f *flaky) set(g func(*flaky)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g(f)
}

func (f *flaky) wait(ctx context.Context) error {
	time.Sleep(f.delay)
	f.mu.Lock()
	fail, hang := f.fail, f.hang
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fail
}

func (f *flaky) Save(ctx context.Context, of, life string, entries []cursor.Entry, ttl time.Duration) error {
	var slow time.Duration
	f.set(func(f *flaky) { f.saves, slow = append(f.saves, time.Now()), f.slow })
	time.Sleep(slow)
	if err := f.wait(ctx); err != nil {
		return err
	}
	return f.Store.Save(ctx, of, life, entries, ttl)
}

func (f *flaky) Load(ctx context.Context, of string) ([]cursor.Entry, error) {
	f.set(func(f *flaky) { f.loads++ })
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.Store.Load(ctx, of)
}

// A viewer is a receiver: it writes down what it is given, one word an event, and knows the
// cursors as a client would.
type viewer struct {
	mu     sync.Mutex
	words  []string
	at     []time.Time
	board  map[string]string // key to data
	users  map[string]string
	joined int
	faults []string
	panics bool // Deliver panics once
}

func newViewer() *viewer { return &viewer{} }

type item struct {
	Key  string          `json:"key"`
	User json.RawMessage `json:"user"`
	Data json.RawMessage `json:"data"`
}

func (v *viewer) take(name string, b *topic.Batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.panics {
		v.panics = false
		panic("viewer")
	}
	for _, e := range b.Events {
		var list []item
		var one item
		err := json.Unmarshal(e.Data(), &list)
		if e.Name() == cursor.EventUpdate || e.Name() == cursor.EventRemove {
			err = json.Unmarshal(e.Data(), &one)
			list = []item{one}
		}
		if err != nil || e.Topic() != name || !json.Valid(e.JSON()) {
			v.faults = append(v.faults, fmt.Sprintf("%s: %v", e.JSON(), err))
		}
		v.apply(e.Name(), list)
	}
}

func (v *viewer) apply(event string, list []item) {
	if event == cursor.EventSnapshot || v.board == nil {
		if event != cursor.EventSnapshot {
			v.faults = append(v.faults, event+" before the first snapshot")
		}
		v.board, v.users = map[string]string{}, map[string]string{}
	}
	for _, it := range list {
		if event == cursor.EventRemove {
			delete(v.board, it.Key)
			delete(v.users, it.Key)
			continue
		}
		v.board[it.Key], v.users[it.Key] = string(it.Data), string(it.User)
	}
	word := fmt.Sprintf("%s(%d)", event, len(list))
	if len(list) == 1 && event != cursor.EventSnapshot {
		word = fmt.Sprintf("%s(%s=%s)", event, list[0].Key, list[0].Data)
	}
	v.words, v.at = append(v.words, word), append(v.at, time.Now())
}

func (v *viewer) Deliver(name string, b *topic.Batch)          { v.take(name, b) }
func (v *viewer) DeliverTo(name string, _ any, b *topic.Batch) { v.take(name, b) }

func (v *viewer) Joined(name string, _ any, j topic.Joined) {
	if j.Err != nil {
		v.say("refused")
		return
	}
	v.mu.Lock()
	v.joined++
	v.mu.Unlock()
	v.take(name, j.Missed)
}

func (v *viewer) Left(string, any)         { v.say("left") }
func (v *viewer) Closed(_ string, _ error) { v.say("closed") }

func (v *viewer) say(word string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.words, v.at = append(v.words, word), append(v.at, time.Now())
}

// heard returns what it was given since it was asked last.
func (v *viewer) heard() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := strings.Join(v.words, " ")
	v.words, v.at = nil, nil
	return s
}

func (v *viewer) times() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]time.Time(nil), v.at...)
}

func (v *viewer) sees() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.board)
}

func (v *viewer) check(t testing.TB) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.faults {
		t.Error(f)
	}
}

func watch(t testing.TB, b *cursor.Boards, of string) *viewer {
	t.Helper()
	v := newViewer()
	if err := b.Attach(of, v, v); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.check(t) })
	return v
}

func move(t testing.TB, b *cursor.Boards, of, key, data string) {
	t.Helper()
	m := cursor.Mover{Key: key, User: json.RawMessage(`{"name":"` + key + `"}`)}
	if err := b.Move(of, m, json.RawMessage(data)); err != nil {
		t.Fatalf("move %s: %v", key, err)
	}
}

func remove(t testing.TB, b *cursor.Boards, of, key string) {
	t.Helper()
	if err := b.Remove(of, key); err != nil {
		t.Fatalf("remove %s: %v", key, err)
	}
}

// list is List as a map of data.
func list(t testing.TB, b *cursor.Boards, of string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all, err := b.List(ctx, of)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	m := map[string]string{}
	for _, c := range all {
		m[c.Key] = string(c.Data)
	}
	return m
}

func want(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func wantHeard(t testing.TB, who string, v *viewer, want string) {
	t.Helper()
	if got := v.heard(); got != want {
		t.Errorf("%s heard %q, want %q", who, got, want)
	}
}

// pass lets time pass and what happens in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}
