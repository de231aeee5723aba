package redislease_test

import (
	"testing"

	"github.com/troupe-rt/troupe/cluster/lease/leasetest"
	"github.com/troupe-rt/troupe/cluster/redislease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// TestRegistryOnCluster runs the suite of every Registry on a Redis Cluster of three masters.
func TestRegistryOnCluster(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t, 3)
	leasetest.Run(t, func(t *testing.T) leasetest.Backend {
		conn := open(t, redisconn.Config{URL: servers.URL(), Prefix: t.Name() + ":"})
		return leasetest.Backend{Registry: redislease.New(redislease.Config{Conn: conn}), Empty: func() {
			for _, node := range servers.Nodes {
				empty(t, node.Client(t), conn.Names().Prefix())
			}
		}}
	})
}

// TestMasterEmptied empties one master of a Redis Cluster after the other.
func TestMasterEmptied(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t, 3)
	nodes := startThree(t, servers.URL())
	before := lives(nodes)
	for i, server := range servers.Nodes {
		if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		mustBeEmptied(t, nodes, i+1)
		mustSeeAll(t, nodes)
	}
	pass(t, ttl+ttl/2)
	mustBeEmptied(t, nodes, len(servers.Nodes))
	mustBeSame(t, nodes, before)
}

// TestMasterAway takes a master away that does not have the leases, for longer than a lease, and
// brings it back empty.
func TestMasterAway(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	nodes := startThree(t, servers.URL())
	before := lives(nodes)
	leases := servers.NodeOf(t, nodes[0].conn.Names().Nodes())
	for _, server := range servers.Nodes {
		if server == leases {
			continue
		}
		server.Kill()
		pass(t, 2*ttl)
		mustSeeAll(t, nodes)
		mustBeEmptied(t, nodes, 0)
		server.Run(t)
		mustBeEmptied(t, nodes, 1)
		break
	}
	pass(t, ttl)
	mustSeeAll(t, nodes)
	mustBeSame(t, nodes, before)
}
