package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// payload is what the figures of shared/performance.md are about: 200 bytes.
var payload = []byte(`{"text":"` + strings.Repeat("x", 189) + `"}`)

// redisCPU is the time that a server has computed for, in seconds.
func redisCPU(b *testing.B, c redis.UniversalClient) float64 {
	info, err := c.InfoMap(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	for _, field := range []string{"used_cpu_user", "used_cpu_sys"} {
		v, err := strconv.ParseFloat(info["CPU"][field], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += v
	}
	return sum
}

// perEvent runs f, which handles so many events in each of b.N steps, and reports what one cost.
func perEvent(b *testing.B, s *Store, events int, f func()) {
	before := redisCPU(b, s.conn.Client())
	f()
	total := float64(b.N) * float64(events)
	b.ReportMetric((redisCPU(b, s.conn.Client())-before)*1e6/total, "redis-µs/event")
	b.ReportMetric(total/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

func batchOf(n int, round int, ids bool) []topic.Entry {
	batch := make([]topic.Entry, n)
	for i := range batch {
		batch[i] = topic.Entry{Name: "created", Data: payload}
		if ids {
			batch[i].ID = strconv.Itoa(round) + "/" + strconv.Itoa(i) + "/0123456789abcdef"
		}
	}
	return batch
}

// What does an event cost Redis, alone and in batches, with and without an id that is remembered?
func BenchmarkAppend(b *testing.B) {
	server := redistest.Start(b)
	keep := topic.Retention{Size: 1000, Dedup: 2 * time.Second}
	for _, ids := range []bool{false, true} {
		for _, size := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("ids=%t/batch=%d", ids, size), func(b *testing.B) {
				s := open(b, server.URL())
				round := 0
				perEvent(b, s, size, func() {
					for b.Loop() {
						if _, err := s.Append(b.Context(), "t", batchOf(size, round, ids), keep); err != nil {
							b.Fatal(err)
						}
						round++
					}
				})
			})
		}
	}
}

// What do callers of the Store get that append to one topic beside each other, one event each?
func BenchmarkAppendBeside(b *testing.B) {
	server := redistest.Start(b)
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, server.URL())
			perEvent(b, s, 1, func() {
				beside(b, callers, func(ctx context.Context) error {
					_, err := s.Append(ctx, "t", batchOf(1, 0, false), topic.Retention{Size: 1000})
					return err
				})
			})
		})
	}
}

// What do publishers get that wait for each answer, where the topic's actor makes batches of them?
func BenchmarkPublish(b *testing.B) {
	server := redistest.Start(b)
	for _, ids := range []bool{false, true} {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("ids=%t/callers=%d", ids, callers), func(b *testing.B) {
				s := open(b, server.URL())
				topics := startTopics(b, topic.Config{Log: s, Node: "bench", Policies: []topic.Policy{{Dedup: 2 * time.Second}}})
				var n atomic.Int64
				perEvent(b, s, 1, func() {
					beside(b, callers, func(ctx context.Context) error {
						m := topic.Message{Event: "created", Data: payload}
						if ids {
							m.ID = strconv.FormatInt(n.Add(1), 10) + "/0123456789abcdef"
						}
						_, err := topics.Publish(ctx, "t", m)
						return err
					})
				})
			})
		}
	}
}

// beside makes b.N calls, so many at a time.
func beside(b *testing.B, callers int, f func(context.Context) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

// What does it cost to catch up on 50 events of 1,000, which came one by one or in batches?
func BenchmarkRead(b *testing.B) {
	server := redistest.Start(b)
	for _, size := range []int{1, 10, 500} {
		b.Run(fmt.Sprintf("batches=%d", size), func(b *testing.B) {
			s := open(b, server.URL())
			keep := topic.Retention{Size: 1000}
			for range 1000 / size {
				if _, err := s.Append(b.Context(), "t", batchOf(size, 0, false), keep); err != nil {
					b.Fatal(err)
				}
			}
			before := redisCPU(b, s.conn.Client())
			for b.Loop() {
				page, err := s.Read(b.Context(), "t", 950, 1000, keep)
				if err != nil || len(page.Records) != 50 {
					b.Fatal(len(page.Records), err)
				}
			}
			b.ReportMetric((redisCPU(b, s.conn.Client())-before)*1e6/float64(b.N), "redis-µs/read")
		})
	}
}
