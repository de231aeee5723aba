package redisstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// openLimits returns limits that share nothing with others on the server.
func openLimits(t testing.TB, cfg redisconn.Config) *Limits {
	t.Helper()
	if cfg.Prefix == "" {
		cfg.Prefix = newEpoch() + ":"
	}
	conn, err := redisconn.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return NewLimits(conn, nil)
}

// startLimits starts a node's limits on a store; they end with the test.
func startLimits(t testing.TB, cfg ratelimit.Config) *ratelimit.Limits {
	t.Helper()
	cfg.System = actors.NewSystem(actors.Config{})
	l, err := ratelimit.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := cfg.System.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// How many consumes a second does a node get answered by Redis, each of which is allowed?
func BenchmarkConsume(b *testing.B) {
	server := redistest.Start(b)
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		for _, keys := range []int{1, 1000} {
			for _, callers := range []int{64, 512} {
				b.Run(fmt.Sprintf("kind=%s/keys=%d/callers=%d", kind, keys, callers), func(b *testing.B) {
					consumeBeside(b, server, ratelimit.Policy{Kind: kind, Points: 1e9, Interval: time.Hour}, keys, callers)
				})
			}
		}
	}
}

// ownCPU is the time that this process has computed for, in seconds.
func ownCPU(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func consumeBeside(b *testing.B, server *redistest.Server, p ratelimit.Policy, keys, callers int) {
	store := openLimits(b, redisconn.Config{URL: server.URL()})
	p.Name = "bench"
	l := startLimits(b, ratelimit.Config{Store: store, Policies: []ratelimit.Policy{p}, Timeout: time.Minute}) // a busy machine is slow, not wrong
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("address:10.0.%d.%d", i/256, i%256)
	}
	before, own := redisCPU(b, store.conn.Client()), ownCPU(b)
	beside(b, callers, func(ctx context.Context) error {
		r, err := l.Consume(ctx, "bench", names[rand.IntN(keys)], 1)
		if err == nil && !r.Allowed {
			err = fmt.Errorf("refused: %+v", r)
		}
		return err
	})
	b.ReportMetric((redisCPU(b, store.conn.Client())-before)*1e6/float64(b.N), "redis-µs/consume")
	b.ReportMetric((ownCPU(b)-own)*1e6/float64(b.N), "go-µs/consume")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "consumes/s")
	b.ReportMetric(0, "ns/op")
}

// What does a Take cost Redis, by the size of the batch?
func BenchmarkTake(b *testing.B) {
	server := redistest.Start(b)
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		for _, size := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("kind=%s/keys=%d", kind, size), func(b *testing.B) {
				store := openLimits(b, redisconn.Config{URL: server.URL()})
				p := ratelimit.Policy{Name: "bench", Kind: kind, Points: 1e9, Interval: time.Hour}
				wants := make([]ratelimit.Want, size)
				for i := range wants {
					wants[i] = ratelimit.Want{Key: fmt.Sprintf("address:10.0.%d.%d", i/256, i%256), Cost: 1, Count: 1}
				}
				before := redisCPU(b, store.conn.Client())
				for b.Loop() {
					if _, err := store.Take(b.Context(), p, wants); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((redisCPU(b, store.conn.Client())-before)*1e6/float64(b.N*size), "redis-µs/key")
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "keys/s")
			})
		}
	}
}
