package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// payload is what the figures of shared/performance.md are about: 200 bytes.
var payload = []byte(`{"text":"` + strings.Repeat("x", 189) + `"}`)

// beside makes b.N calls, so many at a time, each with a number of its own.
func beside(b *testing.B, callers int, f func(ctx context.Context, n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	pg := pgtest.Shared(b)
	server, own := serverCPU(b, pg), ownCPU(b)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := f(b.Context(), int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric((serverCPU(b, pg)-server)*1e6/float64(b.N), "pg-µs/event")
	b.ReportMetric((ownCPU(b)-own)*1e6/float64(b.N), "go-µs/event")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "bench:" + strconv.Itoa(i)
	}
	return all
}

// What do callers of the Store get that append beside each other, one event each?
func BenchmarkAppendBeside(b *testing.B) {
	for _, topics := range []int{1, 1000} {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("topics=%d/callers=%d", topics, callers), func(b *testing.B) {
				s, all := openStore(b, Config{}), names(topics)
				beside(b, callers, func(ctx context.Context, n int) error {
					_, err := s.Append(ctx, all[n%topics], []topic.Entry{{Name: "created", Data: payload}}, topic.Retention{Size: 1000})
					return err
				})
			})
		}
	}
}

// What do publishers get that wait for each answer, where the topics' actors make batches of them?
func BenchmarkPublish(b *testing.B) {
	for _, ids := range []bool{false, true} {
		for _, topics := range []int{1, 1000} {
			for _, callers := range []int{1, 64, 512} {
				b.Run(fmt.Sprintf("ids=%t/topics=%d/callers=%d", ids, topics, callers), func(b *testing.B) {
					ts, all := startTopics(b, openStore(b, Config{})), names(topics)
					beside(b, callers, func(ctx context.Context, n int) error {
						m := topic.Message{Event: "created", Data: payload}
						if ids {
							m.ID = strconv.Itoa(n) + "/0123456789abcdef"
						}
						_, err := ts.Publish(ctx, all[n%topics], m)
						return err
					})
				})
			}
		}
	}
}

// What does it cost to catch up on 50 events of 1,000, and to learn only where a topic stands?
func BenchmarkRead(b *testing.B) {
	s := openStore(b, Config{})
	keep := topic.Retention{Size: 1000}
	for range 10 {
		batch := make([]topic.Entry, 100)
		for i := range batch {
			batch[i] = topic.Entry{Name: "created", Data: payload}
		}
		if _, err := s.Append(b.Context(), "t", batch, keep); err != nil {
			b.Fatal(err)
		}
	}
	for _, events := range []int{0, 50} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("events=%d/callers=%d", events, callers), func(b *testing.B) {
				beside(b, callers, func(ctx context.Context, n int) error {
					p, err := s.Read(ctx, "t", 1000-uint64(events), events, keep)
					if err == nil && len(p.Records) != events {
						b.Errorf("%d records", len(p.Records))
					}
					return err
				})
			})
		}
	}
}

func startTopics(t testing.TB, log topic.Log) *topic.Topics {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	ts, err := topic.Start(topic.Config{System: system, Log: log, Node: "test", Policies: []topic.Policy{{Dedup: 2 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ts.Close(context.Background())
		_ = system.Close(context.Background())
	})
	return ts
}
