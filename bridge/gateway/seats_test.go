package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// fullNode has everything that a node may have.
type fullNode struct {
	testNode
	presence *presence.Presence
	cursors  *cursor.Boards
	groups   *group.Groups
}

func (n *fullNode) Presence() *presence.Presence { return n.presence }
func (n *fullNode) Cursors() *cursor.Boards      { return n.cursors }
func (n *fullNode) Groups() *group.Groups        { return n.groups }

// insideFull starts a gateway with one shard and a full node.
func insideFull(t *testing.T) (*Gateway, *fullNode) {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	topics, err := topic.Start(topic.Config{System: system, Log: memstore.New(memstore.Config{})})
	n := &fullNode{testNode: testNode{topics}}
	errs := []error{err}
	n.presence, err = presence.Start(presence.Config{System: system, Store: memstore.NewLocalRosters()})
	errs = append(errs, err)
	n.cursors, err = cursor.Start(cursor.Config{System: system, Policies: []cursor.Policy{{Throttle: -1, Tick: -1}}})
	errs = append(errs, err)
	n.groups, err = group.Start(group.Config{System: system, Store: memstore.NewLocalRosters()})
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	g := Handler(n, Options{Shards: 1})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		g.Close()
		err := errors.Join(n.presence.Close(ctx), n.cursors.Close(ctx), n.groups.Stop(ctx), topics.Close(ctx), system.Close(ctx))
		if err != nil {
			t.Error(err)
		}
	})
	return g, n
}

func write(t *testing.T, ws *websocket.Conn, frame string) {
	t.Helper()
	if err := ws.Write(context.Background(), websocket.MessageText, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

// TestSeatFailed: who loses presence, cursors or a group because its actor has failed is
// told, and may have it again.
func TestSeatFailed(t *testing.T) {
	t.Parallel()
	g, _ := insideFull(t)
	ws := another(t, g)
	for range 2 { // state and snapshot
		readFrame(t, ws)
	}
	shard := g.shards[0]
	shard.Closed("__presence:chat", actors.ErrFailed)
	if f := readFrame(t, ws); f["type"] != "subscribe-denied" || f["topic"] != "__presence:chat" || f["reason"] != "UNAVAILABLE" {
		t.Fatalf("got %v", f)
	}
	shard.Closed("__cursor:chat", cursor.ErrFailed)
	if f := readFrame(t, ws); f["type"] != "subscribe-denied" || f["topic"] != "__cursor:chat" {
		t.Fatalf("got %v", f)
	}
	write(t, ws, `{"type":"join","group":"lobby","ref":1}`)
	for range 3 {
		readFrame(t, ws)
	}
	shard.Closed("__group:lobby", actors.ErrFailed)
	if f := readFrame(t, ws); f["type"] != "join-denied" || f["group"] != "lobby" || f["reason"] != "UNAVAILABLE" {
		t.Fatalf("got %v", f)
	}
	write(t, ws, `{"type":"subscribe","topic":"chat","ref":2}`)
	var events []string
	for range 3 {
		f := readFrame(t, ws)
		events = append(events, fmt.Sprint(f["type"], f["event"]))
	}
	slices.Sort(events)
	if want := []string{"<nil>presence_state", "<nil>snapshot", "subscribed<nil>"}; !slices.Equal(events, want) {
		t.Fatalf("got %q", events)
	}
	write(t, ws, `{"type":"join","group":"lobby","ref":3}`)
	if f := readFrame(t, ws); f["type"] != "joined" {
		t.Fatalf("got %v", f)
	}
}

// TestOusted: a session forgets its place in a group with the event that closes it, or
// at the latest when the group lets go of it, and not for an event of the program.
func TestOusted(t *testing.T) {
	t.Parallel()
	g, _ := insideFull(t)
	ws := another(t, g)
	for range 2 {
		readFrame(t, ws)
	}
	shard := g.shards[0]
	join := func(frames int) {
		t.Helper()
		write(t, ws, `{"type":"join","group":"lobby","ref":1}`)
		if f := readFrame(t, ws); f["type"] != "joined" {
			t.Fatalf("got %v", f)
		}
		for range frames { // it was let in anew
			if f := readFrame(t, ws); f["topic"] != "__group:lobby" {
				t.Fatalf("got %v", f)
			}
		}
	}
	closed := func(extra string) {
		t.Helper()
		shard.Deliver("__group:lobby", &topic.Batch{Events: []*topic.Event{topic.NewEvent("__group:lobby", "close", []byte(`{"system":true}`), extra)}})
		if f := readFrame(t, ws); f["event"] != "close" {
			t.Fatalf("got %v", f)
		}
	}
	join(2)
	closed("")
	join(0)
	var seat *receiver
	shard.call(func() { seat = shard.topics["__group:lobby"].receivers[0] })
	closed(`,"system":true`)
	join(2) // faster than the group
	shard.Left("__group:lobby", seat)
	join(0)
	shard.call(func() { seat = shard.topics["__group:lobby"].receivers[0] })
	shard.Left("__group:lobby", seat)
	for gone := false; !gone; {
		shard.call(func() { gone = shard.topics["__group:lobby"] == nil })
	}
	join(2)
}

// TestTopicFailedTakesItsCompany: with a topic that failed goes what came with it.
func TestTopicFailedTakesItsCompany(t *testing.T) {
	t.Parallel()
	g, n := insideFull(t)
	ws := another(t, g)
	for range 2 {
		readFrame(t, ws)
	}
	write(t, ws, `{"type":"cursor","topic":"chat","data":1}`)
	readFrame(t, ws) // the own update
	g.shards[0].Closed("chat", topic.ErrFailed)
	if f := readFrame(t, ws); f["type"] != "subscribe-denied" || f["topic"] != "chat" {
		t.Fatalf("got %v", f)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		here, err := n.presence.Count(ctx, "chat")
		list, err2 := n.cursors.List(ctx, "chat")
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if here == 0 && len(list) == 0 {
			return
		}
	}
}

// TestErrands: what an actor has no room for is told again until it has, and is not
// told to one that has stopped.
func TestErrands(t *testing.T) {
	t.Parallel()
	g, _ := insideFull(t)
	var mu sync.Mutex
	told := map[int]int{}
	done := make(chan struct{}, 1000)
	for i := range 1000 {
		g.surely("leave", func() error {
			mu.Lock()
			defer mu.Unlock()
			if told[i]++; told[i] <= i%4 {
				return []error{actors.ErrFull, cursor.ErrOverloaded, group.ErrOverloaded}[i%3]
			}
			done <- struct{}{}
			if i%5 == 0 {
				return actors.ErrClosed
			}
			return nil
		})
	}
	for range 1000 {
		<-done
	}
	mu.Lock()
	defer mu.Unlock()
	for i, n := range told {
		if n != i%4+1 {
			t.Fatalf("errand %d was tried %d times", i, n)
		}
	}
}

// TestAskedAgain: a seat whose actor has no room at first is asked for until it has, and
// not any more once it is given up.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	g, _ := insideFull(t)
	s := &session{g: g, shard: g.shards[0]}
	kept, given := s.seat(onPresence, "__presence:a"), s.seat(onPresence, "__presence:b")
	asked := make(chan struct{})
	tries := 0
	s.mu.Lock()
	s.ask(given, func() error { return actors.ErrFull })
	given.gone = true
	s.ask(kept, func() error {
		if tries++; tries < 3 {
			return actors.ErrFull
		}
		close(asked)
		return nil
	})
	s.mu.Unlock()
	<-asked
	g.errands.wg.Wait() // nothing is left to do
}
