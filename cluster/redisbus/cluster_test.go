package redisbus_test

import (
	"fmt"
	"testing"

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
	shared := redistest.StartCluster(t, 3)
	bustest.Run(t, func(t *testing.T, need bustest.Need) *bustest.Scene {
		cluster := shared
		if need.Alone {
			cluster = redistest.StartCluster(t, 3)
		}
		return openSharded(t, cluster)
	}, bustest.Options{})
}
