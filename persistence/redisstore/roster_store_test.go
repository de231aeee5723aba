package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestRosters(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	storetest.Rosters(t, func(t *testing.T) storetest.RosterBackend { return openRosters(t, server.URL()) },
		storetest.RosterOptions{Unit: 400 * time.Millisecond})
}

func TestRostersOnCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	storetest.Rosters(t, func(t *testing.T) storetest.RosterBackend { return openRosters(t, cluster.URL()) },
		storetest.RosterOptions{Unit: 400 * time.Millisecond})
}

// openRosters returns rosters that share nothing with others on the server.
func openRosters(t *testing.T, url string) storetest.RosterBackend {
	t.Helper()
	conn := connect(t, redisconn.Config{URL: url})
	bus, err := redisbus.New(redisbus.Config{Conn: conn, Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(context.Background()) })
	return storetest.RosterBackend{Store: NewRosters(conn), Relay: bus, Empty: func() { empty(t, conn) }}
}

func connect(t testing.TB, cfg redisconn.Config) *redisconn.Conn {
	t.Helper()
	return openConfig(t, cfg).conn
}

// empty deletes every key of a connection's own.
func empty(t testing.TB, conn *redisconn.Conn) {
	t.Helper()
	wipe := func(ctx context.Context, c *redis.Client) error {
		keys, err := c.Keys(ctx, conn.Names().Prefix()+"*").Result()
		for _, key := range keys {
			if err == nil {
				err = c.Unlink(ctx, key).Err()
			}
		}
		return err
	}
	var err error
	if c, ok := conn.Client().(*redis.ClusterClient); ok {
		err = c.ForEachMaster(context.Background(), wipe)
	} else {
		err = wipe(context.Background(), conn.Client().(*redis.Client))
	}
	if err != nil {
		t.Error(err)
	}
}
