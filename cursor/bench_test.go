package cursor_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// The row of performance.md: 100 movers on one topic of node A, seen on node B, over Redis.
func BenchmarkRelayRedis(b *testing.B) {
	url := redistest.Start(b).URL()
	from, to := redisNode(b, url, "a"), redisNode(b, url, "b")
	seen := &counter{}
	if err := to.Attach("room", seen, seen); err != nil {
		b.Fatal(err)
	}
	flood(b, from, "room")
	last := map[string]string{}
	for i := range movers {
		key := fmt.Sprint("conn-", i)
		last[key] = "-1"
		move(b, from, "room", key, "-1")
	}
	eventuallyLists(b, to, last)
	b.ReportMetric(float64(seen.count())/b.Elapsed().Seconds(), "frames/s")
}

// Without another node, and nobody looking.
func BenchmarkMove(b *testing.B) {
	flood(b, start(b, cursor.Config{}), "room")
}

const movers = 100

// flood moves 100 cursors from two goroutines, as fast as they can.
func flood(b *testing.B, boards *cursor.Boards, of string) {
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	for worker := range 2 {
		wg.Go(func() {
			keys := make([]cursor.Mover, 0, movers/2)
			for i := worker; i < movers; i += 2 {
				keys = append(keys, cursor.Mover{Key: fmt.Sprint("conn-", i), User: []byte(`{"id":"u1","name":"Ann","color":"#ff8800"}`)})
			}
			data := []byte(`{"x":0.000000,"y":0.5,"tool":"pen"}`)
			for n := 0; left.Add(-1) >= 0; n++ {
				copy(data[5:], strconv.Itoa(1_000_000+n%1_000_000)) // "x":1000000 and so on
				data[6] = '.'
				if err := boards.Move(of, keys[n%len(keys)], data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "updates/s")
}
