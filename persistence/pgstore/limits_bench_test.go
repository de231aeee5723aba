package pgstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// openLimits returns limits in a database of their own.
func openLimits(t testing.TB) *Limits {
	t.Helper()
	return NewLimits(pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{}), nil)
}

// startLimits starts a node's limits on a store; they end with the test.
func startLimits(t testing.TB, cfg ratelimit.Config) *ratelimit.Limits {
	t.Helper()
	cfg.System = actors.NewSystem(actors.Config{})
	l, err := ratelimit.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := cfg.System.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// How many consumes a second are answered by Postgres, each of which is allowed, by the number of nodes?
func BenchmarkConsume(b *testing.B) {
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Sliding} {
		for _, keys := range []int{1, 1000} {
			for _, nodes := range []int{1, 4} {
				b.Run(fmt.Sprintf("kind=%s/keys=%d/nodes=%d", kind, keys, nodes), func(b *testing.B) {
					consumeBeside(b, ratelimit.Policy{Name: "bench", Kind: kind, Points: 1e9, Interval: time.Hour}, keys, nodes, 64)
				})
			}
		}
	}
}

// serverCPU is the time that a server's processes have computed for, in seconds. Those that have ended count too.
func serverCPU(b *testing.B, s *pgtest.Server) float64 {
	ticks := 0
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var pid int
		_, _ = fmt.Sscan(string(text), &pid)
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the state on
		if pid != s.PID() && f[1] != strconv.Itoa(s.PID()) {
			continue
		}
		for _, field := range f[11:15] { // of itself and of its children that have ended
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return float64(ticks) / 100
}

// ownCPU is the time that this process has computed for, in seconds.
func ownCPU(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func consumeBeside(b *testing.B, p ratelimit.Policy, keys, nodes, callers int) {
	server := pgtest.Shared(b)
	url := server.Database(b)
	var limits []*ratelimit.Limits
	for range nodes {
		limits = append(limits, startLimits(b, ratelimit.Config{Store: NewLimits(pgtest.Open(b, url, pgdb.Config{}), nil),
			Policies: []ratelimit.Policy{p}, Timeout: time.Minute})) // a busy machine is slow, not wrong
	}
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("address:10.0.%d.%d", i/256, i%256)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	before, own := serverCPU(b, server), ownCPU(b)
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				r, err := limits[c%nodes].Consume(context.Background(), "bench", names[rand.IntN(keys)], 1)
				if err != nil || !r.Allowed {
					b.Errorf("%+v, %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric((serverCPU(b, server)-before)*1e6/float64(b.N), "pg-µs/consume")
	b.ReportMetric((ownCPU(b)-own)*1e6/float64(b.N), "go-µs/consume")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "consumes/s")
	b.ReportMetric(0, "ns/op")
}

// What does a Take cost, by the size of the batch?
func BenchmarkTake(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("keys=%d", size), func(b *testing.B) {
			store := openLimits(b)
			p := ratelimit.Policy{Name: "bench", Points: 1e9, Interval: time.Hour}
			wants := make([]ratelimit.Want, size)
			for i := range wants {
				wants[i] = ratelimit.Want{Key: fmt.Sprint(i), Cost: 1, Count: 1}
			}
			for b.Loop() {
				if _, err := store.Take(b.Context(), p, wants); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}
