package presence_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

var errCut = errors.New("cut off")

// A strait stands between one node and the store.
type strait struct {
	*memstore.Rosters
	mode atomic.Pointer[string] // "", slow, fail, hang, lose (it takes effect, the answer does not come), late (so, some time later)
}

// travel is how long a call, or its answer, is on its way.
func travel(mode string) {
	most := 3 * time.Millisecond
	if mode == "slow" {
		most = 600 * time.Millisecond
	}
	time.Sleep(rand.N(most))
}

func (s *strait) pass(ctx context.Context, call func(ctx context.Context)) error {
	switch *s.mode.Load() {
	case "fail":
		return errCut
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "lose":
		call(ctx)
		return errCut
	case "late":
		time.AfterFunc(7*time.Second, func() { call(context.WithoutCancel(ctx)) })
		<-ctx.Done()
		return ctx.Err()
	}
	travel(*s.mode.Load())
	call(ctx)
	travel(*s.mode.Load())
	return nil
}

func (s *strait) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	var a roster.Applied
	var err error
	if cut := s.pass(ctx, func(ctx context.Context) { a, err = s.Rosters.Apply(ctx, name, life, ops, limit) }); cut != nil {
		return roster.Applied{}, cut
	}
	return a, err
}

func (s *strait) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	var n roster.Snapshot
	var err error
	if cut := s.pass(ctx, func(ctx context.Context) { n, err = s.Rosters.Load(ctx, name) }); cut != nil {
		return roster.Snapshot{}, cut
	}
	return n, err
}

func (s *strait) Check(ctx context.Context, name string) (roster.Standing, error) {
	var n roster.Standing
	var err error
	if cut := s.pass(ctx, func(ctx context.Context) { n, err = s.Rosters.Check(ctx, name) }); cut != nil {
		return roster.Standing{}, cut
	}
	return n, err
}

// Bury of one's own life is all that comes this way; dead nodes are buried by the model.
func (s *strait) Bury(ctx context.Context, life string, also ...string) error {
	var err error
	if cut := s.pass(ctx, func(ctx context.Context) { err = s.Rosters.Bury(ctx, life, also...) }); cut != nil {
		return cut
	}
	return err
}

// A world is some nodes in a bubble, and what should be so on them.
type world struct {
	t      *testing.T
	bus    *membus.Bus
	store  *memstore.Rosters
	policy presence.Policy
	rooms  []string

	later  sync.WaitGroup
	nodes  []*place
	made   int
	mu     sync.Mutex
	living map[string]bool // lives that Alive admits
	used   map[string]bool // "room user value" that ever was
}

// A place is a node of it.
type place struct {
	*presence.Presence
	id      string
	system  *actors.System
	strait  *strait
	life    atomic.Pointer[string]
	lives   int
	viewers []*viewer // sessions and watchers that last
	crashed atomic.Bool
}

func newWorld(t *testing.T, nodes int, policy presence.Policy) *world {
	w := &world{t: t, bus: membus.New(), policy: policy, rooms: []string{"one", "two"},
		living: map[string]bool{}, used: map[string]bool{}}
	w.store = memstore.NewRosters(w.bus.Node("store"))
	for range nodes {
		w.nodes = append(w.nodes, w.begin())
	}
	return w
}

func (w *world) begin() *place {
	w.made++
	n := &place{id: fmt.Sprint("n", w.made), system: actors.NewSystem(actors.Config{}), strait: &strait{Rosters: w.store}}
	n.set("")
	w.renew(n)
	var err error
	n.Presence, err = presence.Start(presence.Config{
		System: n.system, Store: n.strait, Relay: w.bus.Node(n.id), Node: n.id, Policies: []presence.Policy{w.policy},
		Life: func() string { return *n.life.Load() }, Alive: w.alive,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (n *place) set(mode string) { n.strait.mode.Store(&mode) }

// renew gives a node another life and returns the one before.
func (w *world) renew(n *place) (before string) {
	if p := n.life.Load(); p != nil {
		before = *p
	}
	n.lives++
	life := fmt.Sprintf("%s/%d", n.id, n.lives)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.living[life] = true
	n.life.Store(&life)
	return before
}

func (w *world) alive(life string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.living[life]
}

// bury has survivors clean up, and the first of them begin in vain.
func (w *world) bury(life string) {
	w.mu.Lock()
	delete(w.living, life)
	w.mu.Unlock()
	for range 2 {
		if err := w.store.Bury(context.Background(), life); err != nil {
			w.t.Errorf("bury: %v", err)
		}
	}
}

// crash ends a node for good.
func (w *world) crash(n *place) {
	n.crashed.Store(true)
	n.set("fail")
	w.bus.Disconnect(n.id)
	w.mu.Lock()
	delete(w.living, *n.life.Load())
	w.mu.Unlock()
}

func (w *world) end() {
	w.bus.Close()
	for _, n := range w.nodes {
		_ = n.Close(context.Background()) // a crashed node can not bury itself
		if err := n.system.Close(context.Background()); err != nil {
			w.t.Errorf("close %s: %v", n.id, err)
		}
	}
}

// A viewer is a session, or one who watches, and what it makes of what it is told.
type viewer struct {
	room, user, value string // user "": it only watches
	typed             *presence.Session[json.RawMessage]

	mu      sync.Mutex
	seen    map[string]string
	version uint64
	in      bool
	out     bool
	faults  []string
}

func (v *viewer) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

func (v *viewer) Deliver(_ string, b *topic.Batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.in || v.out {
		v.fault("%s while it was not in", b.Events[0].JSON())
	}
	v.take(b)
}

func (v *viewer) Joined(_ string, _ any, j topic.Joined) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case j.Err != nil:
		v.fault("refused: %v", j.Err)
	case v.out:
		v.fault("joined after it left")
	case !v.in && j.Missed == nil:
		v.fault("joined without a state")
	case j.Missed != nil:
		v.take(j.Missed)
	}
	v.in = true
}

func (v *viewer) Left(string, any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out = true
}

func (v *viewer) Closed(string, error) {}

func (v *viewer) take(b *topic.Batch) {
	for _, e := range b.Events {
		var f frame
		if err := json.Unmarshal(e.JSON(), &f); err != nil {
			v.fault("%v", err)
			continue
		}
		switch f.Event {
		case presence.EventState:
			v.seen, v.version = decode(f.Data), f.Version
		case presence.EventDiff:
			v.diff(f)
		}
	}
}

func (v *viewer) diff(f frame) {
	var d struct{ Joins, Leaves json.RawMessage }
	if err := json.Unmarshal(f.Data, &d); err != nil {
		v.fault("%v", err)
	}
	if f.Version != v.version+1 {
		v.fault("version %d after %d", f.Version, v.version)
	}
	v.version = f.Version
	for key, was := range decode(d.Leaves) {
		if v.seen[key] != was {
			v.fault("version %d: %s left with %s, had %q", f.Version, key, was, v.seen[key])
		}
		delete(v.seen, key)
	}
	maps.Copy(v.seen, decode(d.Joins))
}

func decode(data json.RawMessage) map[string]string {
	var raw map[string]json.RawMessage
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	all := make(map[string]string, len(raw))
	for key, value := range raw {
		all[key] = string(value)
	}
	return all
}

// newest is what a node's sessions want to be seen of each user of a room.
func (n *place) newest(room string) map[string]string {
	all := map[string]string{}
	for _, v := range n.viewers {
		if v.room == room && v.user != "" {
			all[v.user] = v.value
		}
	}
	return all
}

func (n *place) drop(v *viewer) {
	n.viewers = slices.DeleteFunc(n.viewers, func(o *viewer) bool { return o == v })
}
