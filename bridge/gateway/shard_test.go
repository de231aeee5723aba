package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

type testNode struct{ topics *topic.Topics }

func (n testNode) ID() string                          { return "n1" }
func (n testNode) Topics() *topic.Topics               { return n.topics }
func (n testNode) OnDrain(func(context.Context) error) {}

// inside starts a gateway whose shard a test may hold, and a client of it.
func inside(t *testing.T, policy topic.Policy, o Options) (*Gateway, *websocket.Conn) {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	topics, err := topic.Start(topic.Config{System: system, Log: memstore.New(memstore.Config{}), Policies: []topic.Policy{policy}})
	if err != nil {
		t.Fatal(err)
	}
	o.Shards = 1
	g := Handler(testNode{topics}, o)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(func() {
		g.Close()
		if topics.Close(ctx) != nil || system.Close(ctx) != nil {
			t.Error("topics do not close")
		}
		cancel()
	})
	return g, another(t, g)
}

// another connects to a gateway and subscribes to chat.
func another(t *testing.T, g *Gateway) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws"+server.URL[4:], nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	readFrame(t, ws) // welcome
	if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","topic":"chat","ref":1}`)); err != nil {
		t.Fatal(err)
	}
	if f := readFrame(t, ws); f["type"] != "subscribed" {
		t.Fatalf("got %v", f)
	}
	return ws
}

func readFrame(t *testing.T, ws *websocket.Conn) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, b, err := ws.Read(ctx)
	if err != nil {
		return map[string]any{"closed": float64(websocket.CloseStatus(err))}
	}
	if len(b) > 1<<20 { // too long to take apart, and known
		return map[string]any{"event": "e"}
	}
	var f map[string]any
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestBusyShard: what finds no room while a shard is busy is lost under the
// topic's policy, and its receivers know.
func TestBusyShard(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]topic.Policy{
		"without history": {Match: "*", History: -1}, "drop oldest": {Match: "*", Slow: topic.SlowDropOldest}, "disconnect": {Match: "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, ws := inside(t, policy, Options{Limits: Limits{MaxQueued: 64 << 20}})
			busy, release := make(chan struct{}), make(chan struct{})
			go g.shards[0].call(func() { close(busy); <-release })
			<-busy
			const n = 24
			data := fmt.Appendf(nil, `"%s"`, strings.Repeat("x", 1<<20))
			for range n {
				if _, err := g.topics.Publish(context.Background(), "chat", topic.Message{Event: "e", Data: data, Checked: true}); err != nil {
					t.Fatal(err)
				}
			}
			for g.waiting() < n {
				runtime.Gosched()
			}
			close(release)
			got := 0
			for {
				f := readFrame(t, ws)
				if f["event"] == "e" {
					got++
					continue
				}
				if got < 16 && policy.History < 0 || got >= n {
					t.Fatalf("%d of %d came", got, n)
				}
				switch {
				case policy.History < 0 && f["event"] == "stale":
				case policy.Slow == topic.SlowDropOldest && f["event"] == "stale":
					data := f["data"].(map[string]any)
					if data["from"] != float64(got+1) || data["to"] != float64(n) {
						t.Fatalf("got %v after %d", data, got)
					}
				case policy.Slow == topic.SlowDisconnect && f["closed"] == float64(CloseSlow):
				default:
					t.Fatalf("got %v", f)
				}
				break
			}
			if left := g.pressure.bytes.Load(); left != 0 {
				t.Errorf("%d bytes of pressure are left", left)
			}
		})
	}
}

// waiting is how many events are in the inbox of the first shard.
func (g *Gateway) waiting() (n int) {
	s := g.shards[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.inbox {
		if b, ok := i.ptr.(*topic.Batch); ok {
			n += len(b.Events)
		}
	}
	return n
}

// TestBusyShardManyTopics: topics together are bounded as well, and each keeps at
// least one batch.
func TestBusyShardManyTopics(t *testing.T) {
	t.Parallel()
	s := &shard{topics: make(map[string]*audience), g: &Gateway{m: newMetrics(nil)}}
	batch := &topic.Batch{Events: []*topic.Event{event(strings.Repeat("x", 1<<20), 1)}}
	for i := range 100 {
		a := s.audience(fmt.Sprint(i))
		for range 4 {
			s.queue(a, item{kind: itemDeliver, topic: a.topic, ptr: batch})
		}
		if a.queue[0].kind != itemDeliver {
			t.Fatalf("topic %d has nothing waiting", i)
		}
	}
	if s.waiting > maxShard+102<<20 { // and a batch for each topic
		t.Fatalf("%d bytes wait", s.waiting)
	}
	if last := s.topics["99"]; len(last.queue) != 2 || last.queue[1].kind != itemLost {
		t.Fatalf("the last topic has %d items", len(last.queue))
	}
}

// TestTopicFailed: who follows a topic that has been stopped is told, follows it no
// longer, and may subscribe again.
func TestTopicFailed(t *testing.T) {
	t.Parallel()
	g, ws := inside(t, topic.Policy{Match: "*"}, Options{})
	g.shards[0].Closed("chat", topic.ErrFailed)
	if f := readFrame(t, ws); f["type"] != "subscribe-denied" || f["topic"] != "chat" || f["reason"] != "UNAVAILABLE" {
		t.Fatalf("got %v", f)
	}
	if n := g.Stats().Subscriptions; n != 0 {
		t.Fatalf("%d subscriptions", n)
	}
	if err := ws.Write(context.Background(), websocket.MessageText, []byte(`{"type":"subscribe","topic":"chat","ref":2}`)); err != nil {
		t.Fatal(err)
	}
	if f := readFrame(t, ws); f["type"] != "subscribed" {
		t.Fatalf("got %v", f)
	}
}

// TestHugeTopicShares: while a topic with many receivers is written, another one
// has its turn in between.
func TestHugeTopicShares(t *testing.T) {
	t.Parallel()
	s := &shard{topics: make(map[string]*audience), w: newRawWriter(), g: &Gateway{m: newMetrics(nil)}}
	for _, name := range []string{"huge", "small"} {
		a := s.audience(name)
		n := 1
		if name == "huge" {
			n = 10 * writesPerRound
		}
		for range n {
			x := &session{}
			x.out.closed = true // takes nothing, which is all that counts here
			a.receivers = append(a.receivers, &receiver{session: x})
		}
		s.queue(a, item{kind: itemDeliver, topic: name, ptr: &topic.Batch{Events: []*topic.Event{event(name, 1)}}})
	}
	s.turns()
	if huge := s.topics["huge"]; huge.next != writesPerRound || huge.chunk == nil {
		t.Fatalf("huge stands at %d", huge.next)
	}
	s.turns()
	if small := s.topics["small"]; small.running {
		t.Fatal("small has not had its turn")
	}
	if s.topics["huge"].chunk == nil {
		t.Fatal("huge is done already")
	}
}
