package redisbus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/cluster/bustest"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// openSharded breaks all nodes at once: the Cluster's masters end.
func openSharded(t *testing.T, cluster *redistest.Cluster) *bustest.Scene {
	scene := &bustest.Scene{}
	for i := range scene.Nodes {
		scene.Nodes[i] = start(t, cluster.URLs(), redisbus.Config{Node: fmt.Sprint("node", i)})
	}
	scene.Break = func(int) {
		for _, node := range cluster.Nodes {
			node.Kill()
		}
	}
	scene.Mend = func(int) {
		for _, node := range cluster.Nodes {
			node.Run(t)
		}
		cluster.WaitOK(t)
	}
	scene.Refuse = func(on bool) {
		channels := "allchannels"
		if on {
			channels = "resetchannels"
		}
		for _, node := range cluster.Nodes {
			if err := node.Client(t).Do(t.Context(), "acl", "setuser", "default", channels).Err(); err != nil {
				t.Errorf("acl setuser: %v", err)
			}
		}
	}
	names := redisconn.NamesFor(redisconn.DefaultPrefix)
	scene.Followers = func(name string) int {
		channel := names.Channel(name)
		count := 0
		for _, node := range cluster.Nodes {
			counts, err := node.Client(t).PubSubShardNumSub(t.Context(), channel).Result()
			if err != nil {
				t.Errorf("pubsub shardnumsub: %v", err)
			}
			count += int(counts[channel])
		}
		return count
	}
	// Each topic takes a command of its own, in one write for all that gathered.
	scene.Requests = func() int { return 0 }
	return scene
}

func TestRelaySharded(t *testing.T) {
	t.Parallel()
	shared, alone := redistest.StartCluster(t, 3), redistest.StartCluster(t, 3)
	var turn sync.Mutex // a Cluster takes seconds to start, so cases share one, one at a time
	bustest.Run(t, func(t *testing.T, need bustest.Need) *bustest.Scene {
		if !need.Alone {
			return openSharded(t, shared)
		}
		turn.Lock()
		t.Cleanup(turn.Unlock)
		return openSharded(t, alone)
	}, bustest.Options{Patience: time.Minute})
}

func TestSlotMoves(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	names := redisconn.NamesFor(redisconn.DefaultPrefix)
	a := start(t, cluster.URLs(), redisbus.Config{Node: "a"})
	b := start(t, cluster.URLs(), redisbus.Config{Node: "b", Ping: 50 * time.Millisecond})
	to := newSink()
	rooms := make([]string, 20)
	for i := range rooms {
		rooms[i] = fmt.Sprint("room", i)
		follow(t, b, rooms[i], to)
	}
	for i, room := range rooms[:5] {
		channel := names.Channel(room)
		from := cluster.NodeOf(t, channel)
		for _, node := range cluster.Nodes {
			if node != from {
				cluster.MoveSlot(t, channel, node)
				break
			}
		}
		to.wantRestored(t, room, 1)
		redistest.Eventually(t, patience, "frames arrive by the new master", func() error {
			if err := a.Publish(t.Context(), room, []byte("end")); err != nil {
				return err
			}
			if len(to.got(room)) == 0 {
				return errors.New("none")
			}
			return nil
		})
		if i == 0 {
			follow(t, b, "later", to)
		}
	}
	for _, room := range rooms {
		insist(t, a, room, "still")
		to.wantFrame(t, room, "still")
	}
}

// TestIdleMaster gives a connection up by which nothing is followed any more.
func TestIdleMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	reg := prometheus.NewPedanticRegistry()
	bus := start(t, cluster.URLs(), redisbus.Config{Node: "a", Ping: 50 * time.Millisecond, Registerer: reg})
	to := newSink()
	count := func() (conns int) {
		for _, node := range cluster.Nodes {
			list, err := node.Client(t).Do(t.Context(), "client", "list", "type", "pubsub").Text()
			if err != nil {
				t.Fatal(err)
			}
			conns += strings.Count(list, "id=")
		}
		return conns
	}
	want := func(n int) {
		t.Helper()
		redistest.Eventually(t, patience, "connections", func() error {
			if got := count(); got != n {
				return fmt.Errorf("%d, want %d", got, n)
			}
			return nil
		})
	}
	for i := range 30 {
		follow(t, bus, fmt.Sprint("room", i), to)
	}
	want(3)
	// Each connection hears its own ping, or it would be given up after five.
	redistest.Eventually(t, patience, "pings are heard", func() error {
		if n := heardPings(t, reg); n < 45 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	for i := range 30 {
		if n := len(to.interruptions(fmt.Sprint("room", i))); n > 0 {
			t.Errorf("room %d was restored %d times without a fault", i, n)
		}
		bus.Unfollow(fmt.Sprint("room", i))
	}
	want(1)
	follow(t, bus, "room0", to)
	insist(t, bus, "room0", "end")
	to.wantFrame(t, "room0", "end")
	if n := len(to.interruptions("room0")); n > 0 {
		t.Errorf("restored %d times", n)
	}
}

func heardPings(t *testing.T, reg *prometheus.Registry) uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "troupe_relay_lag_seconds" {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	return 0
}

// TestOneMaster ends one of three masters. What the others serve goes on, and nobody
// says otherwise.
func TestOneMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	names := redisconn.NamesFor(redisconn.DefaultPrefix)
	a := start(t, cluster.URLs(), redisbus.Config{Node: "a"})
	b := start(t, cluster.URLs(), redisbus.Config{Node: "b"})
	to := newSink()
	dead := cluster.Nodes[2]
	var gone, well []string
	for i := range 30 {
		room := fmt.Sprint("room", i)
		follow(t, b, room, to)
		if cluster.NodeOf(t, names.Channel(room)) == dead {
			gone = append(gone, room)
		} else {
			well = append(well, room)
		}
	}
	dead.Kill()
	for _, room := range well {
		insist(t, a, room, "meanwhile")
		to.wantFrame(t, room, "meanwhile")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Follow(ctx, gone[0]+"{again}", to); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Follow: %v", err)
	}
	dead.Run(t)
	cluster.WaitOK(t)
	for _, room := range gone {
		to.wantRestored(t, room, 1)
		insist(t, a, room, "after")
		to.wantFrame(t, room, "after")
	}
	for _, room := range well {
		if n := len(to.interruptions(room)); n > 0 {
			t.Errorf("%s was restored %d times, and never interrupted", room, n)
		}
	}
}
