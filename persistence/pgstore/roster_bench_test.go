package pgstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
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

// What does a join and a leave cost in rooms of different size, in batches as the roster's actor makes them, when
// 64 lives do it at once in one room, or in many?
func BenchmarkRosterJoinLeave(b *testing.B) {
	for _, room := range []int{10, 1000, 10_000} {
		for _, batch := range []int{1, 64, 512} {
			for _, rooms := range []int{1, 64} {
				if room*rooms > 100_000 {
					continue
				}
				b.Run(fmt.Sprintf("room=%d/batch=%d/rooms=%d", room, batch, rooms), func(b *testing.B) {
					benchmarkJoinLeave(b, room, batch, rooms)
				})
			}
		}
	}
}

func benchmarkJoinLeave(b *testing.B, room, batch, rooms int) {
	const callers = 64
	r := NewRosters(pgtest.Open(b, pgtest.Shared(b).Database(b), pgdb.Config{}))
	for i := range rooms {
		populate(b, r, fmt.Sprint("room", i), room)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for n := range callers {
		all.Go(func() {
			name, life, in := fmt.Sprint("room", n%rooms), fmt.Sprint("life", n), joins(n*batch, batch)
			for left.Add(-1) >= 0 {
				for _, ops := range [][]roster.Op{in, leaves(in)} {
					if _, err := r.Apply(context.Background(), name, life, ops, 0); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "pairs/s")
	b.ReportMetric(0, "ns/op")
}

// What does it cost a node to read a whole room, which it does when it first needs it, and to check it?
func BenchmarkRosterLoad(b *testing.B) {
	for _, room := range []int{10, 1000, 10_000} {
		r := NewRosters(pgtest.Open(b, pgtest.Shared(b).Database(b), pgdb.Config{}))
		populate(b, r, "room", room)
		b.Run(fmt.Sprintf("load/room=%d", room), func(b *testing.B) {
			for b.Loop() {
				if s, err := r.Load(b.Context(), "room"); err != nil || len(s.Members) != room {
					b.Fatal(len(s.Members), err)
				}
			}
		})
		b.Run(fmt.Sprintf("check/room=%d", room), func(b *testing.B) {
			for b.Loop() {
				if s, err := r.Check(b.Context(), "room"); err != nil || s.Lives["others"] != room {
					b.Fatal(s, err)
				}
			}
		})
	}
}

// How long does it take to clean up after a node with 1,000 members on 100 rosters?
func BenchmarkRosterBury(b *testing.B) {
	r := NewRosters(pgtest.Open(b, pgtest.Shared(b).Database(b), pgdb.Config{}))
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
