package redisbus_test

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// counter counts frames, and tells of each one if somebody listens.
type counter struct {
	frames atomic.Int64
	came   chan struct{}
}

func (c *counter) Received(string, []byte) {
	c.frames.Add(1)
	if c.came != nil {
		c.came <- struct{}{}
	}
}
func (c *counter) Restored(string, time.Time) {}

func pair(b *testing.B, to *counter) (from *redisbus.Bus) {
	b.Helper()
	server := redistest.Start(b)
	from = start(b, server.URL(), redisbus.Config{Node: "a"})
	other := start(b, server.URL(), redisbus.Config{Node: "b"})
	if err := other.Follow(b.Context(), "room", to); err != nil {
		b.Fatal(err)
	}
	return from
}

// BenchmarkPublishFollow asks how many frames a second go from one node to another, with
// 64 publishers at a time. Redis, both nodes and the test share the machine.
func BenchmarkPublishFollow(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"200B", 200}, {"10KiB", 10 << 10}} {
		b.Run(size.name, func(b *testing.B) {
			to := &counter{}
			from := pair(b, to)
			frame := make([]byte, size.bytes)
			b.SetBytes(int64(size.bytes))
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := from.Publish(b.Context(), "room", frame); err != nil {
						b.Error(err)
						return
					}
				}
			})
			for to.frames.Load() < int64(b.N) {
				runtime.Gosched()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// BenchmarkLatency asks how long one frame takes from Publish to Received.
func BenchmarkLatency(b *testing.B) {
	to := &counter{came: make(chan struct{}, 1)}
	from := pair(b, to)
	frame := make([]byte, 200)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := from.Publish(b.Context(), "room", frame); err != nil {
			b.Fatal(err)
		}
		<-to.came
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
