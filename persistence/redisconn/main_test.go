package redisconn_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	goleak.VerifyTestMain(m)
}

// silent takes what go-redis says of servers that the tests break.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func open(t testing.TB, cfg redisconn.Config) *redisconn.Conn {
	t.Helper()
	c, err := redisconn.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func get(c *redisconn.Conn, t testing.TB, key string) (string, error) {
	cmd := redis.NewStringCmd(t.Context(), "get", key)
	err := c.Do(t.Context(), cmd)
	return cmd.Val(), err
}

func set(c *redisconn.Conn, t testing.TB, key string, value any) error {
	return c.Do(t.Context(), redis.NewStatusCmd(t.Context(), "set", key, value))
}

const soon = 10 * time.Second

// shortDir is for sockets, whose paths may have few characters.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
