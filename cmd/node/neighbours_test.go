package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func from(origin string) *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}}
}

// TestPagesOfNeighboursConnect shows that a page may go on with another node of its
// cluster, also after its own was killed, and that other pages may not.
func TestPagesOfNeighboursConnect(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	gone, stays := startPeer(t, redis.URL()), startPeer(t, redis.URL())
	stranger := startPeer(t, redistest.Start(t).URL())
	gone.sees(t, gone, stays)
	stays.sees(t, gone, stays)
	eventually(t, func() error {
		var s struct{ Nodes []string }
		_, body := get(t, gone.url+"/stats", nil)
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			return err
		}
		if len(s.Nodes) != 1 || s.Nodes[0] != stays.url {
			return fmt.Errorf("stats %s, want %s", body, stays.url)
		}
		return nil
	})
	dial(t, stays.url, from(gone.url))
	refused(t, stays.url, from(stranger.url), http.StatusForbidden)
	gone.signal(t, syscall.SIGKILL)
	stays.sees(t, stays)
	dial(t, stays.url, from(gone.url))
	refused(t, stays.url, from(stranger.url), http.StatusForbidden)
}

func TestNeighboursAreOnThisMachine(t *testing.T) {
	t.Parallel()
	n := &neighbours{own: "8080", seen: map[string]time.Time{}}
	member := func(address string) lease.Lease { return lease.Lease{Member: lease.Member{Address: address}} }
	at := time.Now()
	n.note([]lease.Lease{member("http://127.0.0.1:8080"), member("http://127.0.0.1:8081"), member("http://10.0.0.1:8082"),
		member("https://127.0.0.1:8083"), member("http://127.0.0.1"), member("http://u@127.0.0.1:8084"), member(""), member("http://[")}, at)
	for origin, want := range map[string]bool{
		"http://127.0.0.1:8081": true, "http://localhost:8081": true, "http://[::1]:8081": true,
		"http://127.0.0.1:8080": false, // its own: the gateway decides
		"http://127.0.0.1:8082": false, "http://10.0.0.1:8082": false, "http://10.0.0.1:8081": false, "http://127.0.0.1:8083": false,
		"https://127.0.0.1:8081": false, "http://127.0.0.1:8084": false, "http://evil.example:8081": false, "null": false, "": false,
	} {
		if got := n.has(origin); got != want {
			t.Errorf("%q: %v, want %v", origin, got, want)
		}
	}
	n.note(nil, at.Add(neighbourMemory))
	if !n.has("http://127.0.0.1:8081") {
		t.Error("forgotten too soon")
	}
	n.note(nil, at.Add(neighbourMemory+time.Second))
	if n.has("http://127.0.0.1:8081") {
		t.Error("not forgotten")
	}
}
