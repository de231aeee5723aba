package pgdb_test

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// cpu is what this process has used, without its server's.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func benchDB(b *testing.B, cfg pgdb.Config) *pgdb.DB {
	b.Helper()
	return pgtest.Open(b, pgtest.Shared(b).Database(b), cfg)
}

func BenchmarkRun(b *testing.B) {
	db := benchDB(b, pgdb.Config{})
	ask := func(ctx context.Context, q pgdb.Querier) error {
		var n int
		return q.QueryRow(ctx, "select 1").Scan(&n)
	}
	b.Run("alone", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			if err := db.Run(b.Context(), ask); err != nil {
				b.Fatal(err)
			}
		}
		reportCPU(b, before)
	})
	b.Run("64 callers", func(b *testing.B) {
		before := cpu()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.Run(b.Context(), ask); err != nil {
					b.Fatal(err)
				}
			}
		})
		reportCPU(b, before)
	})
	b.Run("tx", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			if err := db.Tx(b.Context(), ask); err != nil {
				b.Fatal(err)
			}
		}
		reportCPU(b, before)
	})
}

// BenchmarkListener takes in notifications of 200 bytes, 500 in a transaction.
func BenchmarkListener(b *testing.B) {
	db := benchDB(b, pgdb.Config{Timeout: time.Minute})
	var got atomic.Int64
	all := make(chan struct{}, 1)
	l := db.Listen(pgdb.ListenConfig{Role: "bench", Channels: []string{"c"}, Received: func(pgdb.Notification) {
		if got.Add(1) == int64(b.N) {
			all <- struct{}{}
		}
	}})
	defer l.Close()
	<-l.First()
	payload := strings.Repeat("x", 190)
	before := cpu()
	b.ResetTimer()
	for left := b.N; left > 0; left -= 500 {
		err := run(b.Context(), db, "select pg_notify('c', n || $1) from generate_series(1, $2::int) n", payload, min(left, 500))
		if err != nil {
			b.Fatal(err)
		}
	}
	<-all
	b.StopTimer()
	reportCPU(b, before)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notifications/s")
}

func BenchmarkFrames(b *testing.B) {
	frames := make([]pgdb.Frame, 28)
	for i := range frames {
		frames[i] = pgdb.Frame{Topic: "room/12345", Body: body(195)}
	}
	var a pgdb.Assembler
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range pgdb.Payloads(frames) {
			if _, err := a.Add(pgdb.Notification{Payload: p}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
