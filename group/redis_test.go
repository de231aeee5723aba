package group_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/redisstore"
	"github.com/troupe-rt/troupe/topic"
)

var prefixes atomic.Int64

// onRedis is a world of nodes that each have their own way to a Redis, under a prefix
// of the world's own.
func onRedis(t testing.TB, url string, n int, settings ...setting) *world {
	w := newWorld(t)
	w.eventually = func(what string, ok func() error) {
		t.Helper()
		redistest.Eventually(t, 20*time.Second, what, ok)
	}
	w.settle = func() { <-time.After(50 * time.Millisecond) } // what should not come has a chance to
	prefix := fmt.Sprintf("t%d:", prefixes.Add(1))
	w.start(n, func(i int) (group.Store, topic.Relay) {
		conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: url, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		bus, err := redisbus.New(redisbus.Config{Conn: conn, Node: fmt.Sprintf("n%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = bus.Close(context.Background()) })
		return redisstore.NewRosters(conn), bus
	}, settings...)
	return w
}

// TestCasesOnRedis runs the conformance cases on two and three nodes.
func TestCasesOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, size := range []int{2, 3} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/%d nodes", c.name, size), func(t *testing.T) {
				t.Parallel()
				c.run(onRedis(t, server.URL(), size, c.settings...))
			})
		}
	}
}

// TestCasesOnCluster runs them on a Redis Cluster.
func TestCasesOnCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(onRedis(t, cluster.URL(), 2, c.settings...))
		})
	}
}

// TestFailuresOnRedis is what TestCrash, TestReborn and TestEmptied are in memory.
func TestFailuresOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	t.Run("GRP-14 GRP-15 crash", func(t *testing.T) {
		crashes(onRedis(t, server.URL(), 3, policies(group.Policy{MaxMembers: 3})))
	})
	t.Run("reborn", func(t *testing.T) { reborn(onRedis(t, server.URL(), 2)) })
	t.Run("emptied", func(t *testing.T) {
		w := onRedis(t, server.URL(), 3)
		w.empty = func() {
			if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		emptied(w)
	})
	t.Run("restarted empty", func(t *testing.T) {
		w := onRedis(t, server.URL(), 2)
		w.empty = func() { server.Restart(t, false) }
		emptied(w)
	})
}
