package cluster

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/bridge/gateway/wsclient"
	"github.com/troupe-rt/troupe/topic"
)

// reachable lets clients reach a node by three delivery shards, however few cores
// the machine has.
func reachable(t *testing.T, n *Node) (url string) {
	t.Helper()
	g, err := gateway.New(n, gateway.Options{Shards: 3})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: g}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); g.Close(); <-done })
	return "ws://" + l.Addr().String() + "/ws"
}

func dial(t *testing.T, url string) *wsclient.Conn {
	t.Helper()
	c, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// BUS-25, BUS-19: clients on several shards of two nodes get each event once and
// in the publisher's order.
func TestBUS25ShardsAndNodes(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t, live, topic.Policy{})
	urls := []string{reachable(t, a), reachable(t, b)}
	var clients []*wsclient.Conn
	for i := range 10 {
		c := dial(t, urls[i%2])
		for _, name := range []string{"kept", "live:x"} {
			if _, err := c.Subscribe(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
		clients = append(clients, c)
	}
	const count = 50
	for _, name := range []string{"kept", "live:x"} {
		for i := range count {
			if _, err := clients[0].Publish(t.Context(), name, "e", json.RawMessage(strconv.Itoa(i)), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, c := range clients {
		next := map[string]int{}
		for got := 0; got < 2*count; {
			e, err := c.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if topic.IsSystem(e.Topic) {
				continue // who is there, and where they point
			}
			got++
			if string(e.Data) != strconv.Itoa(next[e.Topic]) {
				t.Fatalf("client %d: %s of %s, want %d", i, e.Data, e.Topic, next[e.Topic])
			}
			next[e.Topic]++
		}
	}
}

// SHD-10: a client that goes takes its subscriptions along.
func TestSHD10ClientGoes(t *testing.T) {
	t.Parallel()
	server, a, _ := pair(t)
	c := dial(t, reachable(t, a))
	for i := range 100 {
		if _, err := c.Subscribe(t.Context(), fmt.Sprint("room:", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	channels := func() int {
		names, err := server.Client(t).PubSubChannels(t.Context(), "*{room:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if n := channels(); n != 100 {
		t.Errorf("%d channels are followed, want 100", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if n := channels(); n > 0 {
			return fmt.Sprintf("%d channels are still followed", n)
		}
		return ""
	})
}

// REP-19: what is missing after a position is told, and nothing else.
func TestREP19Gap(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t, topic.Policy{History: 3})
	for i := range 5 {
		say(t, a, "chat", strconv.Itoa(i))
	}
	head, err := b.Topics().Head(t.Context(), "chat")
	if err != nil || head.Seq != 5 {
		t.Fatalf("head %v, %v", head, err)
	}
	for since, want := range map[uint64]bool{0: true, 1: true, 2: false, 4: false, 5: false, 6: true} {
		h, err := b.Topics().History(t.Context(), "chat", topic.Position{Epoch: head.Epoch, Seq: since}, 0)
		if err != nil || h.Truncated != want {
			t.Errorf("since %d: truncated %v, %v; want %v", since, h.Truncated, err, want)
		}
	}
	if h, err := b.Topics().History(t.Context(), "unknown", topic.Position{}, 0); err != nil || h.Truncated {
		t.Errorf("a topic that nobody knows: truncated %v, %v", h.Truncated, err)
	}
}
