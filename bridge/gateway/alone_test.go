package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/topic"
)

func numbered(name string, n int) *topic.Batch {
	return &topic.Batch{Events: []*topic.Event{topic.NewEvent(name, "e", fmt.Append(nil, n), "")}}
}

// TestDeliverTo: what is for one receiver alone comes to it between what came before
// and what comes after, and to nobody else.
func TestDeliverTo(t *testing.T) {
	t.Parallel()
	g, one := inside(t, topic.Policy{Match: "*", History: -1}, Options{})
	ctx := context.Background()
	server := g.shards[0]
	var first *receiver
	server.call(func() { first = server.topics["chat"].receivers[0] })
	two := another(t, g)
	const n = 300
	for i := 0; i < n; i += 3 {
		server.Deliver("chat", numbered("chat", i))
		server.DeliverTo("chat", first, numbered("chat", i+1))
		server.Deliver("chat", numbered("chat", i+2))
	}
	server.DeliverTo("chat", first, &topic.Batch{}) // nothing
	for i := range n {
		if f := readFrame(t, one); f["data"] != float64(i) {
			t.Fatalf("the one got %v, want %d", f, i)
		}
		if i%3 == 1 {
			continue
		}
		if f := readFrame(t, two); f["data"] != float64(i) {
			t.Fatalf("the other got %v, want %d", f, i)
		}
	}
	// After it has left it gets nothing, nor does anybody in its place.
	server.Left("chat", first)
	server.DeliverTo("chat", first, numbered("chat", -1))
	server.DeliverTo("nobody follows this", first, numbered("chat", -1))
	server.Deliver("chat", numbered("chat", n))
	if f := readFrame(t, two); f["data"] != float64(n) {
		t.Fatalf("the other got %v", f)
	}
	if err := one.Write(ctx, websocket.MessageText, []byte(`x`)); err != nil {
		t.Fatal(err)
	}
	if f := readFrame(t, one); f["type"] != "error" {
		t.Fatalf("who has left got %v", f)
	}
	if left := g.pressure.bytes.Load(); left != 0 {
		t.Errorf("%d bytes of pressure are left", left)
	}
}

// TestDeliverToBusyShard: what is for one receiver counts as much as what is for
// all, and its loss is announced.
func TestDeliverToBusyShard(t *testing.T) {
	t.Parallel()
	s := &shard{topics: make(map[string]*audience), g: &Gateway{m: newMetrics(nil)}}
	a := s.audience("chat")
	r := &receiver{at: -1}
	batch := &topic.Batch{Events: []*topic.Event{event(strings.Repeat("x", 1<<20), 1)}}
	for range 40 {
		s.queue(a, item{kind: itemDeliverTo, topic: a.topic, ptr: &addressed{r, batch}})
	}
	last := a.queue[len(a.queue)-1]
	if n := len(a.queue); n > 18 || last.kind != itemLost || last.ptr.(*lost).from != 0 {
		t.Fatalf("%d items wait, the last is %v", n, last)
	}
	for s.advance(a) && a.taken < len(a.queue)-1 {
	}
	if a.waiting != 0 || s.waiting != 0 || s.g.pressure.bytes.Load() != 0 {
		t.Fatalf("%d, %d and %d bytes wait", a.waiting, s.waiting, s.g.pressure.bytes.Load())
	}
}

// TestOverflowOfSeats: whoever missed a part of a roster is ended, for it comes back to a
// whole one; on a topic without history it is told.
func TestOverflowOfSeats(t *testing.T) {
	t.Parallel()
	g, ws := inside(t, topic.Policy{Match: "*", History: -1}, Options{})
	s := g.shards[0]
	s.call(func() { s.overflowed(s.topics["chat"], &lost{topic: "chat", since: s.now}) })
	s.Deliver("chat", numbered("chat", 1))
	if f := readFrame(t, ws); f["event"] != "stale" {
		t.Fatalf("got %v", f)
	}
	if f := readFrame(t, ws); f["event"] != "e" {
		t.Fatalf("got %v", f)
	}
	s.call(func() {
		a := s.topics["chat"]
		a.receivers[0].channel = onPresence
		s.overflowed(a, &lost{topic: "chat", since: s.now})
		a.receivers[0].channel = onTopic // as it leaves
	})
	if f := readFrame(t, ws); f["closed"] != float64(CloseSlow) {
		t.Fatalf("got %v", f)
	}
}
