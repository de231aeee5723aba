package storetest

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

func countsFromOne(s *scene) {
	for i := range 3 {
		a := s.append("t", plenty, entry(strconv.Itoa(i)))
		s.wantResults(a, int64(i+1))
	}
	p := s.want("t", plenty, 3, "0", "1", "2")
	if p.Oldest != 1 {
		s.Errorf("oldest %d, want 1", p.Oldest)
	}
}

func batchKeepsOrder(s *scene) {
	s.wantResults(s.append("t", plenty, entry("a"), entry("b"), entry("c")), 1, 2, 3)
	s.wantResults(s.append("t", plenty, entry("d"), entry("e")), 4, 5)
	s.want("t", plenty, 5, "a", "b", "c", "d", "e")
}

// appendBeside appends n batches of each of several writers at once. The data of an
// event is its writer, batch and place.
func appendBeside(s *scene, writers, n int, keep topic.Retention) map[uint64]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	placed := make(map[uint64]string)
	for w := range writers {
		wg.Go(func() {
			for b := range n {
				batch := entries(1 + (w+b)%5)
				for i := range batch {
					batch[i] = entry(fmt.Sprintf("%d/%d/%d", w, b, i))
				}
				a, err := s.log.Append(s.Context(), "t", batch, keep)
				if err != nil || len(a.Results) != len(batch) {
					s.Errorf("Append: %d results, %v", len(a.Results), err)
					return
				}
				mu.Lock()
				for i, r := range a.Results {
					if i > 0 && r.Seq <= a.Results[i-1].Seq {
						s.Errorf("a batch got the numbers %v", a.Results)
					}
					placed[r.Seq] += string(batch[i].Data)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return placed
}

func concurrentBatches(s *scene) {
	placed := appendBeside(s, 16, 15, plenty)
	p := s.read("t", 0, plenty.Size, plenty)
	if p.Head.Seq != 16*15*3 || len(p.Records) != 16*15*3 {
		s.Fatalf("head %d and %d records, want %d", p.Head.Seq, len(p.Records), 16*15*3)
	}
	for _, r := range p.Records {
		if string(r.Data) != placed[r.Seq] {
			s.Errorf("number %d holds %s, but was given to %s", r.Seq, r.Data, placed[r.Seq])
		}
	}
}

func readersBesideWriters(s *scene) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() { followAlong(s, done) })
	}
	appendBeside(s, 8, 15, plenty)
	close(done)
	wg.Wait()
}

// followAlong reads on from where it stands, as a node does that fills a hole. What was
// missing once would never be read.
func followAlong(s *scene, done chan struct{}) {
	var at uint64
	for last := false; ; {
		p, err := s.log.Read(s.Context(), "t", at, 7, plenty)
		if err != nil {
			s.Errorf("Read: %v", err)
			return
		}
		if fault := pageFault(p, at, 7, plenty); fault != "" || p.Oldest != 1 {
			s.Errorf("Read(after %d, limit 7) = head %d, oldest %d, %d records: %s",
				at, p.Head.Seq, p.Oldest, len(p.Records), fault)
			return
		}
		at += uint64(len(p.Records))
		if last && at == p.Head.Seq {
			return
		}
		select {
		case <-done:
			last = true
		case <-time.After(time.Millisecond):
		}
	}
}

func topicsApart(s *scene) {
	s.append("one", plenty, entry("a"), entry("b"))
	s.wantResults(s.append("two", plenty, entry("c")), 1)
	s.wantResults(s.append("one", plenty, entry("d")), 3)
	s.want("one", plenty, 3, "a", "b", "d")
	s.want("two", plenty, 1, "c")
}

func strictlyAfter(s *scene) {
	s.append("t", plenty, entries(5)...)
	for after := range uint64(6) {
		p := s.read("t", after, 10, plenty)
		if want := 5 - int(after); len(p.Records) != want {
			s.Errorf("after %d: %d records, want %d", after, len(p.Records), want)
		}
	}
}

func outsideOfKept(s *scene) {
	keep := topic.Retention{Size: 3}
	p := s.read("t", 7, 10, keep)
	if p.Head.Seq != 0 || p.Oldest != 1 {
		s.Errorf("a topic without events: head %d, oldest %d; want 0, 1", p.Head.Seq, p.Oldest)
	}
	s.append("t", keep, entries(10)...)
	for _, after := range []uint64{0, 1, 6, 7, 8, 9, 10, 11, 1 << 40, math.MaxInt64, math.MaxUint64} {
		p := s.read("t", after, 10, keep)
		if p.Head.Seq != 10 || p.Oldest != 8 {
			s.Errorf("after %d: head %d, oldest %d; want 10, 8", after, p.Head.Seq, p.Oldest)
		}
	}
}

func limits(s *scene) {
	s.append("t", plenty, entries(9)...)
	for _, limit := range []int{0, 1, 4, 9, 10, 1_000_000} {
		p := s.read("t", 0, limit, plenty)
		if want := min(limit, 9); len(p.Records) != want || p.Head.Seq != 9 {
			s.Errorf("limit %d: %d records, want %d", limit, len(p.Records), want)
		}
	}
}

func largeNumbers(s *scene) {
	for _, from := range []uint64{1<<31 - 2, 1<<32 - 2, 100_000_000_000_000, 1<<53 - 10} {
		name := fmt.Sprintf("from %d", from)
		s.opts.Renumber(s.T, s.log, name, from)
		if got := s.head(name).Seq; got != from {
			s.Fatalf("Renumber(%d): head %d", from, got)
		}
		a := s.append(name, plenty, withID("i", "a"), entry("b"), entry("c"))
		s.wantResults(a, int64(from+1), int64(from+2), int64(from+3))
		keep := topic.Retention{Size: 10_000, Dedup: time.Hour}
		s.wantResults(s.append(name, keep, withID("j", "d"), withID("j", "e")), int64(from+4), -int64(from+4))
		p := s.read(name, from+1, 2, plenty)
		if p.Head.Seq != from+4 || len(p.Records) != 2 || p.Records[0].Seq != from+2 {
			s.Errorf("after %d: head %d, %d records", from+1, p.Head.Seq, len(p.Records))
		}
	}
}

// readCost compares the shortest of many reads, which noise does not lengthen.
func readCost(s *scene) {
	const large, small, factor = 10_000, 20, 10
	for range large / 10 {
		s.append("large", plenty, entries(10)...)
	}
	for range small / 10 {
		s.append("small", plenty, entries(10)...)
	}
	least := func(name string, after uint64) time.Duration {
		best := time.Duration(math.MaxInt64)
		for range 50 {
			began := time.Now()
			p := s.read(name, after, 10, plenty)
			best = min(best, time.Since(began))
			if len(p.Records) != 10 {
				s.Fatalf("topic %q: %d records, want 10", name, len(p.Records))
			}
		}
		return best
	}
	few := least("small", small-10)
	for _, after := range []uint64{0, large / 2, large - 10} {
		if many := least("large", after); many > factor*few {
			s.Errorf("10 records of %d after %d took %v, of %d %v", large, after, many, small, few)
		}
	}
}
