package redisconn_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// How many commands go through per second, of so many callers that each wait for
// their answer: through a Conn, and beside it by the client alone, where each
// caller has a connection of its own from the pool, and by go-redis' own
// pipelines.
func BenchmarkDo(b *testing.B) {
	s := redistest.Start(b)
	direct := redis.NewClient(&redis.Options{Addr: s.Addr(), PoolSize: 64})
	defer direct.Close()
	auto, err := direct.AutoPipeline()
	if err != nil {
		b.Fatal(err)
	}
	c := open(b, redisconn.Config{URL: s.URL()})
	if err := set(c, b, "k", "value"); err != nil {
		b.Fatal(err)
	}
	counter := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
	if _, err := c.Run(b.Context(), counter, []string{"n"}); err != nil {
		b.Fatal(err)
	}
	ways := []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"get/conn", func(ctx context.Context) error { return c.Do(ctx, redis.NewStringCmd(ctx, "get", "k")) }},
		{"get/client", func(ctx context.Context) error { return direct.Get(ctx, "k").Err() }},
		{"get/autopipeliner", func(ctx context.Context) error { return auto.Get(ctx, "k").Err() }},
		{"script/conn", func(ctx context.Context) error { _, err := c.Run(ctx, counter, []string{"n"}); return err }},
		{"script/client", func(ctx context.Context) error { return counter.Run(ctx, direct, []string{"n"}).Err() }},
	}
	for _, way := range ways {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("%s/%d", way.name, callers), func(b *testing.B) { closedLoop(b, callers, way.do) })
		}
	}
}

func closedLoop(b *testing.B, callers int, do func(context.Context) error) {
	b.ReportAllocs()
	ctx := b.Context()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
