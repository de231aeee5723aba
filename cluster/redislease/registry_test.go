package redislease_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/lease/leasetest"
	"github.com/troupe-rt/troupe/cluster/redislease"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	goleak.VerifyTestMain(m)
}

// silent takes what go-redis says of servers that the tests break.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// open connects to a server.
func open(t testing.TB, cfg redisconn.Config) *redisconn.Conn {
	t.Helper()
	c, err := redisconn.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestRegistry runs the suite of every Registry. Its cases share a server and not
// a prefix.
func TestRegistry(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	leasetest.Run(t, func(t *testing.T) leasetest.Backend {
		conn := open(t, redisconn.Config{URL: server.URL(), Prefix: t.Name() + ":"})
		return leasetest.Backend{Registry: redislease.New(redislease.Config{Conn: conn}), Empty: func() {
			empty(t, conn.Client(), conn.Names().Prefix())
		}}
	})
}

// empty deletes what begins with a prefix.
func empty(t testing.TB, c redis.UniversalClient, prefix string) {
	t.Helper()
	keys, err := c.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := c.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
