package redisstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// member is what presence keeps of a user.
const member = `{"id":"u123456","name":"Ann Example","avatar":"https://example.com/a/123456.png"}`

func joins(first, n int) []roster.Op {
	all := make([]roster.Op, n)
	for i := range all {
		all[i] = roster.Op{Key: fmt.Sprint("u", first+i), Value: []byte(member)}
	}
	return all
}

func leaves(joined []roster.Op) []roster.Op {
	all := make([]roster.Op, len(joined))
	for i, op := range joined {
		all[i].Key = op.Key
	}
	return all
}

// populate has another node show so many members.
func populate(tb testing.TB, r *Rosters, name string, members int) {
	tb.Helper()
	for n := 0; n < members; n += roster.MaxOps {
		if _, err := r.Apply(tb.Context(), name, "others", joins(1_000_000+n, min(roster.MaxOps, members-n)), 0); err != nil {
			tb.Fatal(err)
		}
	}
}

// What does a join and leave cost in rooms of different size, in batches as the roster's actor
// makes them? Several rooms are written at a time.
func BenchmarkRosterJoinLeave(b *testing.B) {
	server := redistest.Start(b)
	for _, room := range []int{10, 1000, 10_000} {
		for _, batch := range []int{1, 64, 512} {
			for _, rooms := range []int{1, 4} {
				b.Run(fmt.Sprintf("room=%d/batch=%d/rooms=%d", room, batch, rooms), func(b *testing.B) {
					benchmarkJoinLeave(b, server.URL(), room, batch, rooms)
				})
			}
		}
	}
}

func benchmarkJoinLeave(b *testing.B, url string, room, batch, rooms int) {
	r := NewRosters(connect(b, redisconn.Config{URL: url}))
	for i := range rooms {
		populate(b, r, fmt.Sprint("room", i), room)
		if _, err := r.Apply(b.Context(), fmt.Sprint("room", i), "own", joins(0, 1), 0); err != nil { // the node is there
			b.Fatal(err)
		}
	}
	before := redisCPU(b, r.conn.Client())
	var number atomic.Int64
	beside(b, rooms, func(ctx context.Context) error {
		n := int(number.Add(1))
		name, in := fmt.Sprint("room", n%rooms), joins(1+n*batch, batch)
		_, err := r.Apply(ctx, name, "own", in, 0)
		if err == nil {
			_, err = r.Apply(ctx, name, "own", leaves(in), 0)
		}
		return err
	})
	ops := float64(2 * b.N * batch)
	b.ReportMetric((redisCPU(b, r.conn.Client())-before)*1e6/ops, "redis-µs/op")
	b.ReportMetric(ops/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(0, "ns/op")
}

// What does it cost a node to read a whole room, which it does when it first needs it?
func BenchmarkRosterLoad(b *testing.B) {
	server := redistest.Start(b)
	for _, room := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("room=%d", room), func(b *testing.B) {
			r := NewRosters(connect(b, redisconn.Config{URL: server.URL()}))
			populate(b, r, "room", room)
			before := redisCPU(b, r.conn.Client())
			for b.Loop() {
				if s, err := r.Load(b.Context(), "room"); err != nil || len(s.Members) != room {
					b.Fatal(len(s.Members), err)
				}
			}
			b.ReportMetric((redisCPU(b, r.conn.Client())-before)*1e3/float64(b.N), "redis-ms/load")
		})
	}
}

// How long does it take to clean up after a node with 1,000 members on 100 rosters?
func BenchmarkRosterBury(b *testing.B) {
	r := NewRosters(connect(b, redisconn.Config{URL: redistest.Start(b).URL()}))
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		life := fmt.Sprint("life", i)
		for room := range 100 {
			if _, err := r.Apply(b.Context(), fmt.Sprint("room", room), life, joins(10*room, 10), 0); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if err := r.Bury(b.Context(), life); err != nil {
			b.Fatal(err)
		}
	}
}
