package cluster

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic"
)

// counter is an Outlet that counts, and lets a publisher wait for its window.
type counter struct {
	joined chan struct{}
	got    chan int
}

func (c *counter) Deliver(_ string, b *topic.Batch)       { c.got <- len(b.Events) }
func (c *counter) Joined(_ string, _ any, _ topic.Joined) { close(c.joined) }
func (c *counter) Left(string, any)                       {}
func (c *counter) Closed(string, error)                   {}

// BenchmarkTwoNodes publishes on one node and counts on another, both in this
// process and on one Redis.
func BenchmarkTwoNodes(b *testing.B) {
	for _, kind := range []struct {
		name    string
		history int
	}{{"live", -1}, {"history", 1000}} {
		for _, topics := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%dtopics", kind.name, topics), func(b *testing.B) {
				_, from, to := pair(b, topic.Policy{History: kind.history})
				c := &counter{got: make(chan int, 1<<16)}
				for i := range topics {
					c.joined = make(chan struct{})
					if err := to.Topics().Subscribe(fmt.Sprint("t", i), topic.Subscription{Outlet: c, Receiver: c}); err != nil {
						b.Fatal(err)
					}
					<-c.joined
				}
				data := []byte(`"` + strings.Repeat("x", 198) + `"`)
				const window = 4096
				free := make(chan struct{}, window)
				var wg sync.WaitGroup
				wg.Go(func() {
					for n := 0; n < b.N; {
						k := <-c.got
						n += k
						for range k {
							<-free
						}
					}
				})
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					free <- struct{}{}
					err := from.Topics().Post(fmt.Sprint("t", i%topics), topic.Message{Event: "e", Data: data, Checked: true}, nil)
					if err != nil {
						b.Fatal(err)
					}
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkPublish publishes to one topic from many goroutines that wait for the
// answer.
func BenchmarkPublish(b *testing.B) {
	for _, publishers := range []int{1, 64, 512} {
		b.Run(fmt.Sprint(publishers), func(b *testing.B) {
			n := nodes(b, redistest.Start(b).URL(), 1)[0]
			data := []byte(`"` + strings.Repeat("x", 198) + `"`)
			var wg sync.WaitGroup
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			for range publishers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := n.Topics().Publish(b.Context(), "t", topic.Message{Event: "e", Data: data}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
