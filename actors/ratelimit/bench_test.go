package ratelimit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

// What does a consume cost that the node decides by itself, since the key is empty, banned or leased? And one
// of a store in memory?

// eachConsume reports consumes per second of callers on all processors, over some keys.
func eachConsume(b *testing.B, l *ratelimit.Limits, keys []string, allowed bool) {
	ctx := context.Background()
	var start, other atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := int(start.Add(7919)); pb.Next(); i++ {
			r, err := l.Consume(ctx, "limit", keys[i%len(keys)], 1)
			if err != nil {
				b.Error(err)
				return
			}
			if r.Allowed != allowed {
				other.Add(1)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "consumes/s")
	if n := other.Load(); n > int64(b.N/100+len(keys)) {
		b.Errorf("%d of %d were not as expected", n, b.N)
	}
}

func keyNames(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("address:10.0.%d.%d", i/256, i%256)
	}
	return keys
}

func BenchmarkRefusedHere(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			l := start(b, ratelimit.Config{Store: newFar(0), Policies: policies(limit(ratelimit.Fixed, 1, time.Hour))})
			keys := keyNames(n)
			for _, key := range keys {
				consume(b, l, key, 1)
			}
			eachConsume(b, l, keys, false)
		})
	}
}

func BenchmarkBannedHere(b *testing.B) {
	l := start(b, ratelimit.Config{Store: newFar(0), Policies: policies(limit(ratelimit.Bucket, 1, time.Hour))})
	if err := l.Ban(b.Context(), "limit", "address:10.0.0.0", time.Hour); err != nil {
		b.Fatal(err)
	}
	eachConsume(b, l, keyNames(1), false)
}

func BenchmarkLeased(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			p := leased(ratelimit.Bucket, 1_000_000_000, 20*time.Second, 100_000)
			l := start(b, ratelimit.Config{Store: newFar(0), Policies: policies(p)})
			eachConsume(b, l, keyNames(n), true)
		})
	}
}

func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			l := start(b, ratelimit.Config{Store: memstore.NewLimits(0), Policies: policies(limit(ratelimit.Bucket, 1_000_000_000, time.Hour))})
			eachConsume(b, l, keyNames(n), true)
		})
	}
}

// What does the arithmetic of one consume cost?
func BenchmarkMeter(b *testing.B) {
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		b.Run(kind.String(), func(b *testing.B) {
			var m ratelimit.Meter
			terms := limit(kind, 1_000_000_000, time.Hour).Terms()
			now := int64(1)
			for b.Loop() {
				now += 10
				m.Take(now, terms, ratelimit.Want{Cost: 1, Count: 1})
			}
		})
	}
}
