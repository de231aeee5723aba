package group_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/redisstore"
	"github.com/troupe-rt/troupe/topic"
)

// BenchmarkJoinLeave is a member coming and going, 64 at a time, in a group of so many
// others: an operation is a pair. With a listener every change is also written for
// receivers of this node.
func BenchmarkJoinLeave(b *testing.B) {
	for _, backend := range []string{"memory", "redis"} {
		for _, size := range []int{10, 1000, 10_000} {
			for _, listens := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/members=%d/listener=%v", backend, size, listens), func(b *testing.B) {
					joinLeave(b, benched(b, backend), size, listens)
				})
			}
		}
	}
}

func joinLeave(b *testing.B, g *group.Groups, size int, listens bool) {
	each(b, 64, size, func(i int) {
		if _, err := g.Join(b.Context(), "g", group.Joiner{Identity: fmt.Sprintf("present-%d", i)}); err != nil {
			b.Error(err)
		}
	})
	if listens {
		if _, err := g.Join(b.Context(), "g", group.Joiner{Identity: "listener", Outlet: deaf{}, Receiver: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	each(b, 64, b.N, func(i int) {
		seat, err := g.Join(b.Context(), "g", group.Joiner{Identity: fmt.Sprintf("user-%d", i)})
		if err == nil {
			err = seat.Leave()
		}
		if err != nil {
			b.Error(err)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}

// BenchmarkMembers is the list that a group of so many sends to who joins, made anew.
func BenchmarkMembers(b *testing.B) {
	for _, size := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint("members=", size), func(b *testing.B) {
			g := benched(b, "memory")
			each(b, 64, size, func(i int) {
				j := group.Joiner{Identity: fmt.Sprintf("present-%d", i), Data: []byte(`{"name":"Somebody","color":"red"}`)}
				if _, err := g.Join(b.Context(), "g", j); err != nil {
					b.Error(err)
				}
			})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				seat, err := g.Join(b.Context(), "g", group.Joiner{Identity: fmt.Sprint("ann", i), Outlet: deaf{}, Receiver: 1})
				if err == nil {
					err = seat.Leave()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// deaf is an Outlet that throws everything away.
type deaf struct{}

func (deaf) Deliver(string, *topic.Batch)        {}
func (deaf) Joined(string, any, topic.Joined)    {}
func (deaf) Left(string, any)                    {}
func (deaf) Closed(string, error)                {}
func (deaf) DeliverTo(string, any, *topic.Batch) {}

// each runs f for 0 to n-1 on some goroutines.
func each(b *testing.B, workers, n int, f func(i int)) {
	b.Helper()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

func benched(b *testing.B, backend string) *group.Groups {
	b.Helper()
	cfg := group.Config{System: actors.NewSystem(actors.Config{}), Node: "a"}
	var end []func() error
	switch backend {
	case "memory":
		cfg.Store = memstore.NewLocalRosters()
	case "redis":
		conn, err := redisconn.Open(b.Context(), redisconn.Config{URL: redistest.Start(b).URL()})
		if err != nil {
			b.Fatal(err)
		}
		bus, err := redisbus.New(redisbus.Config{Conn: conn, Node: "a"})
		if err != nil {
			b.Fatal(err)
		}
		cfg.Store, cfg.Relay = redisstore.NewRosters(conn), bus
		end = append(end, func() error { return bus.Close(context.Background()) }, conn.Close)
	}
	g, err := group.Start(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		err := errors.Join(g.Stop(context.Background()), cfg.System.Close(context.Background()))
		for _, f := range end {
			err = errors.Join(err, f())
		}
		if err != nil {
			b.Error(err)
		}
	})
	return g
}
