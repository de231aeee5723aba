package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	client := c.Client(t)
	served := map[*redistest.Server]int{}
	for i := range 50 {
		key := fmt.Sprint("key", i)
		if err := client.Set(t.Context(), key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		owner := c.NodeOf(t, key)
		served[owner]++
		if n, err := owner.Client(t).Exists(t.Context(), key).Result(); err != nil || n != 1 {
			t.Fatalf("%s is not on its node: %d, %v", key, n, err)
		}
	}
	if len(served) != 3 {
		t.Errorf("50 keys are on %d nodes, want 3", len(served))
	}

	proxies := c.Proxies(t)
	through := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{proxies[0].Addr()}, MaxRedirects: -1})
	defer through.Close()
	for i := range 50 {
		if err := through.Get(t.Context(), fmt.Sprint("key", i)).Err(); err != nil {
			t.Fatal(err)
		}
	}

	owner := c.NodeOf(t, "key1")
	owner.Restart(t, true)
	c.WaitOK(t)
	redistest.Eventually(t, 10*time.Second, "the restarted node serves its data", func() error {
		return client.Get(t.Context(), "key1").Err()
	})
}
