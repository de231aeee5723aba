package redistest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const slots = 16384

// A Cluster is a Redis Cluster of masters without replicas.
type Cluster struct {
	// Nodes are its servers; the slots are spread evenly in their order. They may be
	// paused and restarted one by one.
	Nodes []*Server
}

// StartCluster starts a Redis Cluster of so many masters, which ends with the
// test. Redis wants at least 3. It returns when every node takes every slot for
// served, which is after about 3 seconds. Further arguments are settings of all nodes.
func StartCluster(t testing.TB, masters int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{Nodes: make([]*Server, masters)}
	all := append([]string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
		"--cluster-node-timeout", "2000", "--cluster-announce-ip", "127.0.0.1"}, args...)
	for i := range c.Nodes {
		c.Nodes[i] = Start(t, all...)
	}
	for i, node := range c.Nodes {
		c.prepare(t, i, node)
	}
	first := c.Nodes[0].client()
	defer first.Close()
	for _, node := range c.Nodes[1:] {
		if err := first.ClusterMeet(t.Context(), "127.0.0.1", fmt.Sprint(node.port)).Err(); err != nil {
			t.Fatalf("redistest: cluster meet: %v", err)
		}
	}
	c.WaitOK(t)
	return c
}

// prepare gives a node its slots, and a rank of its own so that the nodes need not
// settle that among them.
func (c *Cluster) prepare(t testing.TB, i int, node *Server) {
	t.Helper()
	client := node.client()
	defer client.Close()
	from, to := i*slots/len(c.Nodes), (i+1)*slots/len(c.Nodes)-1
	if err := client.Do(t.Context(), "cluster", "set-config-epoch", i+1).Err(); err != nil {
		t.Fatalf("redistest: cluster set-config-epoch: %v", err)
	}
	if err := client.ClusterAddSlotsRange(t.Context(), from, to).Err(); err != nil {
		t.Fatalf("redistest: cluster addslotsrange: %v", err)
	}
}

// WaitOK returns when every node knows all others and serves.
func (c *Cluster) WaitOK(t testing.TB) {
	t.Helper()
	for _, node := range c.Nodes {
		client := node.client()
		Eventually(t, 30*time.Second, "the Cluster is ok for "+node.Addr(), func() error {
			info, err := client.ClusterInfo(t.Context()).Result()
			if err != nil {
				return err
			}
			for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes))} {
				if !strings.Contains(info, want) {
					return fmt.Errorf("want %s, have:\n%s", want, info)
				}
			}
			return nil
		})
		_ = client.Close()
	}
}

// Proxies puts a proxy before each node, in their order, and has the Cluster send
// clients there that look for one. URL and Client know nothing of them: begin at a
// proxy's URL.
func (c *Cluster) Proxies(t testing.TB) []*Proxy {
	t.Helper()
	proxies := make([]*Proxy, len(c.Nodes))
	for i, node := range c.Nodes {
		proxies[i] = StartProxy(t, node.Addr())
		client := node.Client(t)
		if err := client.ConfigSet(t.Context(), "cluster-announce-port", fmt.Sprint(proxies[i].Port())).Err(); err != nil {
			t.Fatalf("redistest: announce: %v", err)
		}
	}
	for _, node := range c.Nodes {
		client := node.Client(t)
		Eventually(t, 20*time.Second, "the nodes know of the proxies", func() error {
			nodes, err := client.ClusterNodes(t.Context()).Result()
			for _, p := range proxies {
				if err == nil && !strings.Contains(nodes, " "+p.Addr()+"@") {
					err = fmt.Errorf("no %s in\n%s", p.Addr(), nodes)
				}
			}
			return err
		})
	}
	return proxies
}

// URL names one node; a client learns of the others from it.
func (c *Cluster) URL() string { return c.Nodes[0].URL() }

// URLs names all nodes in the form that go-redis takes for a Cluster.
func (c *Cluster) URLs() string {
	url := c.URL()
	for i, node := range c.Nodes[1:] {
		if i == 0 {
			url += "?addr=" + node.Addr()
		} else {
			url += "&addr=" + node.Addr()
		}
	}
	return url
}

// Addrs are the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Client is a client of the test's own, closed with the test.
func (c *Cluster) Client(t testing.TB) *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), Password: c.Nodes[0].password})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// NodeOf is the server that serves a key's slot.
func (c *Cluster) NodeOf(t testing.TB, key string) *Server {
	t.Helper()
	client := c.Nodes[0].client()
	defer client.Close()
	slot, err := client.ClusterKeySlot(t.Context(), key).Result()
	if err != nil {
		t.Fatalf("redistest: cluster keyslot: %v", err)
	}
	for i, node := range c.Nodes {
		if int(slot) < (i+1)*slots/len(c.Nodes) {
			return node
		}
	}
	t.Fatalf("redistest: no node for slot %d", slot)
	return nil
}

// MoveSlot gives the slot of a key to another node, so that clients meet MOVED. The
// slot must be empty.
func (c *Cluster) MoveSlot(t testing.TB, key string, to *Server) {
	t.Helper()
	id, slot := "", int64(0)
	target := to.client()
	defer target.Close()
	id, err := target.ClusterMyID(t.Context()).Result()
	if err == nil {
		slot, err = target.ClusterKeySlot(t.Context(), key).Result()
	}
	if err != nil {
		t.Fatalf("redistest: move slot: %v", err)
	}
	for _, node := range append([]*Server{to}, c.Nodes...) { // the new owner first, or it would refuse
		client := node.client()
		err := client.Do(t.Context(), "cluster", "setslot", slot, "node", id).Err()
		_ = client.Close()
		if err != nil {
			t.Fatalf("redistest: cluster setslot: %v", err)
		}
	}
}
