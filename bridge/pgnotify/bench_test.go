package pgnotify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// padding makes payloads of some 250 bytes, as a small row makes them.
var padding = strings.Repeat("x", 180)

// A counter is an Outlet that counts, and takes times if data begins with one.
type counter struct {
	want   int64
	n      atomic.Int64
	done   chan struct{}
	joined chan struct{}

	mu    sync.Mutex
	times []time.Duration
	timed bool
}

func (c *counter) Joined(string, any, topic.Joined) { c.joined <- struct{}{} }
func (c *counter) Left(string, any)                 {}
func (c *counter) Closed(string, error)             {}

func (c *counter) Deliver(_ string, b *topic.Batch) {
	if c.timed {
		now := time.Now()
		c.mu.Lock()
		for _, e := range b.Events {
			var micros int64
			if _, err := fmt.Sscan(string(e.Data()), &micros); err == nil {
				c.times = append(c.times, now.Sub(time.UnixMicro(micros)))
			}
		}
		c.mu.Unlock()
	}
	if n := c.n.Add(int64(len(b.Events))); n >= c.want && n-int64(len(b.Events)) < c.want {
		close(c.done)
	}
}

func benchNode(b *testing.B, cfg Config, out *counter, topics int) (*cluster, *node) {
	b.Helper()
	c := newCluster(b, pgtest.Shared(b).Database(b))
	cfg.DB = pgtest.Open(b, c.url, pgdb.Config{Timeout: 10 * time.Second})
	n := c.node(cfg)
	for i := range topics {
		if err := n.topics.Subscribe(fmt.Sprint("live:", i), topic.Subscription{Outlet: out, Receiver: i}); err != nil {
			b.Fatal(err)
		}
		<-out.joined
	}
	return c, n
}

// How many notifications a second reach receivers, from one session that notifies in transactions of a size?
func BenchmarkNotify(b *testing.B) {
	for _, leader := range []bool{false, true} {
		for _, topics := range []int{1, 1000} {
			for _, size := range []int{1, 100, 1000} {
				b.Run(fmt.Sprintf("leader=%t/topics=%d/transaction=%d", leader, topics, size), func(b *testing.B) {
					out := &counter{want: int64(b.N), done: make(chan struct{}), joined: make(chan struct{}, 1)}
					c, n := benchNode(b, Config{Channels: []Channel{{Name: "bench", Leader: leader}}}, out, topics)
					b.ResetTimer()
					for sent := 0; sent < b.N; sent += size {
						c.exec(`select pg_notify('bench', '{"topic":"live:' || i % $3 || '","event":"created","data":{"n":' || i || ',"text":"' || $4 || '"}}')
							from generate_series($1::int, $2::int) i`, sent, min(sent+size, b.N)-1, topics, padding)
					}
					select {
					case <-out.done:
					case <-time.After(time.Minute):
						b.Fatalf("%d of %d arrived: %+v", out.n.Load(), b.N, n.State())
					}
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				})
			}
		}
	}
}

// How long does a notification take from the statement to the receiver, at 1,000 a second?
func BenchmarkNotifyLatency(b *testing.B) {
	out := &counter{want: int64(b.N), done: make(chan struct{}), joined: make(chan struct{}, 1), timed: true}
	c, n := benchNode(b, all("bench"), out, 1)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	for range b.N {
		<-tick.C
		c.exec("select pg_notify('bench', $1)", fmt.Sprintf(`{"topic":"live:0","event":"created","data":%d}`, time.Now().UnixMicro()))
	}
	select {
	case <-out.done:
	case <-time.After(time.Minute):
		b.Fatalf("%d of %d arrived: %+v", out.n.Load(), b.N, n.State())
	}
	b.StopTimer()
	slices.Sort(out.times)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(out.times[len(out.times)*p/100].Microseconds()), fmt.Sprintf("µs-p%d", p))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// What does a row cost that is inserted, without a trigger and with each kind?
func BenchmarkTrigger(b *testing.B) {
	for _, via := range []Via{"", ViaNotify, ViaOutbox} {
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("via=%s/rows=%d", via, size), func(b *testing.B) {
				c := newCluster(b, pgtest.Shared(b).Database(b))
				db := pgtest.Open(b, c.url, pgdb.Config{})
				c.exec("create table messages (id bigint primary key, room text, body text); set synchronous_commit = off")
				if via != "" {
					if _, err := Install(context.Background(), db, TriggerOptions{Table: "messages", Topic: "live:{room}", Via: via}); err != nil {
						b.Fatal(err)
					}
				}
				b.ResetTimer()
				for sent := 0; sent < b.N; sent += size {
					c.exec("insert into messages select i, 'a', $3 from generate_series($1::int, $2::int) i", sent, min(sent+size, b.N)-1, padding)
				}
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
