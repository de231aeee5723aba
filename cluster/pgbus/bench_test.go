package pgbus_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// counter counts frames, and tells when as many came as are waited for.
type counter struct {
	frames atomic.Int64
	want   atomic.Int64
	all    chan struct{}
	each   func(frame []byte)
}

func (c *counter) Received(_ string, frame []byte) {
	if c.each != nil {
		c.each(frame)
	}
	if c.frames.Add(1) == c.want.Load() {
		close(c.all)
	}
}

func (c *counter) Restored(string, time.Time) {
	panic("the relay was interrupted: the benchmark would wait for frames that are lost")
}

// pair is two buses, of which the second follows the topics.
func pair(b *testing.B, topics int, to *counter) (from *pgbus.Bus) {
	b.Helper()
	database := pgtest.Shared(b).Database(b)
	from = start(b, database, pgbus.Config{Node: "a"})
	other := start(b, database, pgbus.Config{Node: "b"})
	for i := range topics {
		if err := other.Follow(b.Context(), fmt.Sprint("room", i), to); err != nil {
			b.Fatal(err)
		}
	}
	return from
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFrames asks how many frames of 200 bytes a second go from one node to another. Postgres, both nodes and the
// test share the machine; CPU is that of both nodes and the test.
func BenchmarkFrames(b *testing.B) {
	for _, topics := range []int{1, 1000} {
		for _, publishers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("topics=%d/publishers=%d", topics, publishers), func(b *testing.B) {
				to := &counter{all: make(chan struct{})}
				to.want.Store(int64(b.N))
				from := pair(b, topics, to)
				frame := make([]byte, 200)
				names := make([]string, topics)
				for i := range names {
					names[i] = fmt.Sprint("room", i)
				}
				b.ReportAllocs()
				b.ResetTimer()
				used := cpu(b)
				var next atomic.Int64
				done := make(chan error, publishers)
				for range publishers {
					go func() {
						for {
							n := next.Add(1)
							if n > int64(b.N) {
								done <- nil
								return
							}
							if err := from.Publish(b.Context(), names[n%int64(topics)], frame); err != nil {
								done <- err
								return
							}
						}
					}()
				}
				for range publishers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
				<-to.all
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
				b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/frame")
			})
		}
	}
}

// BenchmarkLatency asks how long a frame takes from Publish to Received at 1,000 a second.
func BenchmarkLatency(b *testing.B) {
	var took []time.Duration
	to := &counter{all: make(chan struct{})}
	to.want.Store(int64(b.N))
	to.each = func(frame []byte) {
		var at int64
		if _, err := fmt.Sscan(strings.TrimRight(string(frame), "x"), &at); err == nil {
			took = append(took, time.Duration(time.Now().UnixNano()-at))
		}
	}
	from := pair(b, 1, to)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var all sync.WaitGroup
	for range b.N {
		<-tick.C
		all.Go(func() {
			frame := fmt.Appendf(nil, "%d %s", time.Now().UnixNano(), strings.Repeat("x", 180))
			if err := from.Publish(b.Context(), "room0", frame); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	<-to.all
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkLarge asks how long a frame of 16 MiB takes.
func BenchmarkLarge(b *testing.B) {
	to := &counter{all: make(chan struct{})}
	to.want.Store(int64(b.N))
	from := pair(b, 1, to)
	frame := make([]byte, 16<<20)
	b.SetBytes(int64(len(frame)))
	b.ResetTimer()
	for range b.N {
		if err := from.Publish(b.Context(), "room0", frame); err != nil {
			b.Fatal(err)
		}
	}
	<-to.all
}
