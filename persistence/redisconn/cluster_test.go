package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	for name, url := range map[string]string{"one node": cluster.URL(), "all nodes": cluster.URLs()} {
		c := open(t, redisconn.Config{URL: url})
		if !c.Cluster() {
			t.Fatalf("%s: not taken for a Cluster", name)
		}
		incr := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				key := c.Names().Head(fmt.Sprint(name, i))
				for want := int64(1); want <= 5; want++ {
					if n, err := c.Run(t.Context(), incr, []string{key}); err != nil || n != want {
						t.Errorf("%s: %v, %v, want %d", key, n, err, want)
					}
				}
				channel := c.Names().Channel(fmt.Sprint(i))
				if err := c.Do(t.Context(), redis.NewIntCmd(t.Context(), "spublish", channel, "frame")); err != nil {
					t.Errorf("spublish: %v", err)
				}
			})
		}
		wg.Wait()
		if err := c.Do(t.Context(), redis.NewStatusCmd(t.Context(), "ping")); err != nil {
			t.Errorf("%s: a command without a key: %v", name, err)
		}
	}
	_, err := redisconn.Open(t.Context(), redisconn.Config{URL: cluster.URL() + "/1"})
	if _, ok := errors.AsType[*redisconn.ConfigError](err); !ok {
		t.Errorf("with a database number: %v", err)
	}
}

// Slots move while commands go on: each runs once, wherever its slot is.
func TestClusterSlotsMove(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	c := open(t, redisconn.Config{URL: cluster.URL()})
	const topic = "moving"
	key := c.Names().Head(topic)
	incr := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
	from := cluster.NodeOf(t, key)
	to := cluster.Nodes[0]
	if to == from {
		to = cluster.Nodes[1]
	}
	run := func(want int64) {
		t.Helper()
		if n, err := c.Run(t.Context(), incr, []string{key}); err != nil || n != want {
			t.Errorf("Run: %v, %v, want %d", n, err, want)
		}
		if n, _, err := c.RunAndWait(t.Context(), incr, []string{key}, nil, 0, time.Millisecond); err != nil || n != want+1 {
			t.Errorf("RunAndWait: %v, %v, want %d", n, err, want+1)
		}
	}
	run(1)

	// On its way: what the old node does not have any more is asked of the new one.
	id := func(s *redistest.Server) string { return s.Client(t).ClusterMyID(t.Context()).Val() }
	slot := from.Client(t).ClusterKeySlot(t.Context(), key).Val()
	must(t, to.Client(t).Do(t.Context(), "cluster", "setslot", slot, "importing", id(from)).Err())
	must(t, from.Client(t).Do(t.Context(), "cluster", "setslot", slot, "migrating", id(to)).Err())
	must(t, from.Client(t).Migrate(t.Context(), "127.0.0.1", fmt.Sprint(to.Port()), key, 0, time.Second).Err())
	run(3)

	cluster.MoveSlot(t, key, to)
	run(5)
	run(7)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A node that hangs holds up commands for its own slots only.
func TestClusterNodeHangs(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "60000")
	const timeout = 3 * time.Second
	c := open(t, redisconn.Config{URL: cluster.URL(), Timeout: timeout})
	hung := cluster.NodeOf(t, "hung")
	var others []string
	for i := range 100 {
		if key := fmt.Sprint("k", i); cluster.NodeOf(t, key) != hung {
			others = append(others, key)
		}
		must(t, set(c, t, fmt.Sprint("k", i), i))
	}
	hung.Pause()
	began := time.Now()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := set(c, t, "hung", "v"); redisconn.Reason(err) != "timeout" {
				t.Errorf("a node that hangs: %v", err)
			}
		})
	}
	for _, key := range others {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		if err := c.Do(ctx, redis.NewStringCmd(ctx, "get", key)); err != nil {
			t.Errorf("%s on another node: %v", key, err)
		}
		cancel()
	}
	if took := time.Since(began); took > timeout-time.Second {
		t.Errorf("%d commands to other nodes took %v", len(others), took)
	}
	wg.Wait()
	hung.Resume()
	redistest.Eventually(t, soon, "it works again", func() error { return set(c, t, "hung", "v") })
}

func TestClusterNodeRestarts(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	c := open(t, redisconn.Config{URL: cluster.URLs()})
	must(t, set(c, t, "k", "v"))
	node := cluster.NodeOf(t, "k")
	node.Stop(t, true)
	if _, err := get(c, t, "k"); err == nil {
		t.Error("a node that is gone answers")
	}
	node.Run(t)
	redistest.Eventually(t, 2*soon, "it works again", func() error {
		_, err := get(c, t, "k")
		return err
	})
}
