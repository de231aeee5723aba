package redisbus_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// TestBurst sends more at once than Redis keeps for a subscriber: it ends the
// connection, which is an interruption like any other.
func TestBurst(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--client-output-buffer-limit", "pubsub 1mb 0 0")
	bus := start(t, server.URL(), redisbus.Config{Node: "a"})
	to := newSink()
	follow(t, bus, "room", to)
	channel := redisconn.NamesFor(redisconn.DefaultPrefix).Channel("room")
	began := time.Now()
	// In a transaction nothing leaves Redis before the end.
	_, err := server.Client(t).TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		for range 300 {
			p.Publish(t.Context(), channel, strings.Repeat("x", 100<<10))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	to.wantRestored(t, "room", 1)
	if told := to.interruptions("room")[0]; told.since.After(began) {
		t.Errorf("restored since %v after the burst began", told.since.Sub(began))
	}
	insist(t, bus, "room", "end")
	to.wantFrame(t, "room", "end")
}

// TestBlackhole lets nothing through to a node and back for longer than its pings may
// be missed, then ends its connections or lets go on what hung.
func TestBlackhole(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]bool{"and cut": true, "and let go on": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr())
			conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: proxy.URL(), Timeout: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			bus := start(t, "", redisbus.Config{Conn: conn, Node: "b", Ping: 50 * time.Millisecond})
			other := start(t, server.URL(), redisbus.Config{Node: "a"})
			to := newSink()
			follow(t, bus, "room", to)
			var sent []letter
			stop := make(chan struct{})
			var sending sync.WaitGroup
			sending.Go(func() { sent = send(t, other, stop) })
			insist(t, other, "room", "begun")
			to.wantFrame(t, "room", "begun")
			proxy.Hang()
			<-time.After(600 * time.Millisecond)
			if cut {
				proxy.Cut()
			}
			proxy.Heal(t)
			if cut {
				to.wantRestored(t, "room", 1)
			}
			redistest.Eventually(t, patience, "it works again", func() error {
				return bus.Publish(t.Context(), "room", []byte("again"))
			})
			to.wantFrame(t, "room", "again")
			close(stop)
			sending.Wait()
			insist(t, other, "room", "end")
			to.wantFrame(t, "room", "end")
			lost := checkLetters(t, to, [][]letter{sent})
			t.Logf("sent %d, lost %d, told of %d interruptions", len(sent), lost, len(to.interruptions("room")))
		})
	}
}

func send(t *testing.T, bus *redisbus.Bus, stop chan struct{}) (sent []letter) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return sent
		case <-tick.C:
		}
		l := letter{frame: fmt.Sprint("letter", n), began: time.Now()}
		if bus.Publish(t.Context(), "room", []byte(l.frame)) == nil {
			l.ended = time.Now()
			sent = append(sent, l)
		}
	}
}
