package presence_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/persistence/redisstore"
	"github.com/troupe-rt/troupe/presence"
)

type nobody struct{}

// BenchmarkJoinLeave is a member coming and going, 64 at a time, in rooms of
// several sizes: an operation is a pair.
func BenchmarkJoinLeave(b *testing.B) {
	for _, backend := range []string{"memory", "redis"} {
		for _, size := range []int{10, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/room=%d", backend, size), func(b *testing.B) {
				p := benched(b, backend)
				room := presence.Of[nobody](p, "room")
				each(b, 64, size, func(i int) {
					if _, err := room.Join(b.Context(), fmt.Sprintf("present-%d", i), nobody{}); err != nil {
						b.Error(err)
					}
				})
				b.ReportAllocs()
				b.ResetTimer()
				each(b, 64, b.N, func(i int) {
					s, err := room.Join(b.Context(), fmt.Sprintf("user-%d", i), nobody{})
					if err == nil {
						err = s.Leave()
					}
					if err != nil {
						b.Error(err)
					}
				})
				b.StopTimer()
			})
		}
	}
}

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

func benched(b *testing.B, backend string) *presence.Presence {
	b.Helper()
	cfg := presence.Config{System: actors.NewSystem(actors.Config{}), Node: "a"}
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
	p, err := presence.Start(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		err := errors.Join(p.Close(context.Background()), cfg.System.Close(context.Background()))
		for _, f := range end {
			err = errors.Join(err, f())
		}
		if err != nil {
			b.Error(err)
		}
	})
	return p
}
