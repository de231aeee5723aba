package redisconn_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestMain(m *testing.M) {
	redisconn.LogTo(slog.New(slog.DiscardHandler)) // of servers that the tests break
	goleak.VerifyTestMain(m)
}

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

// occupy keeps the only lane of a Conn busy until it is released.
func occupy(t *testing.T, c *redisconn.Conn, s *redistest.Server) (release func()) {
	t.Helper()
	var busy sync.WaitGroup
	busy.Go(func() {
		if err := c.Do(t.Context(), redis.NewStringSliceCmd(t.Context(), "blpop", "occupied", 0)); err != nil {
			t.Errorf("what occupies the lane: %v", err)
		}
	})
	direct := s.Client(t)
	redistest.Eventually(t, soon, "the lane is occupied", func() error {
		info, err := direct.Info(t.Context(), "clients").Result()
		if err == nil && !strings.Contains(info, "blocked_clients:1") {
			err = errors.New(info)
		}
		return err
	})
	return func() {
		if err := direct.RPush(t.Context(), "occupied", "go").Err(); err != nil {
			t.Error(err)
		}
		busy.Wait()
	}
}

// value is a gauge's value, or how often a histogram was told.
func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		m := f.GetMetric()[0]
		if h := m.GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		return m.GetGauge().GetValue()
	}
	t.Fatal("no such metric: " + name)
	return 0
}

func pipelines(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	return value(t, reg, "troupe_redis_pipeline_size")
}

func waiting(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	return value(t, reg, "troupe_redis_queued")
}

// wait until so many commands wait or are under way.
func wait(t *testing.T, reg *prometheus.Registry, n float64) {
	t.Helper()
	redistest.Eventually(t, soon, "commands wait", func() error {
		if have := waiting(t, reg); have != n {
			return fmt.Errorf("%v do, want %v", have, n)
		}
		return nil
	})
}
