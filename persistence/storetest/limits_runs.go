package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

var limitKinds = []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding}

func limitAllOrNothing(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 5, Interval: time.Hour}
		s.want(p, "k", 3, 1, 2)
		s.want(p, "k", 3, 0, 2)
		s.want(p, "k", 2, 1, 0)
		s.want(p, "k", 1, 0, 0)
	}
}

func limitRuns(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 10, Interval: time.Hour}
		g := s.take(p,
			ratelimit.Want{Key: "k", Cost: 2, Count: 3},
			ratelimit.Want{Key: "k", Cost: 3, Count: 2},
			ratelimit.Want{Key: "k"},
			ratelimit.Want{Key: "k", Cost: 1, Count: 5})
		for i, want := range []int{3, 1, 0, 1} {
			if g[i].Allowed != want {
				s.Errorf("%s: run %d: %d allowed, want %d", kind, i, g[i].Allowed, want)
			}
		}
		if g[0].Remaining != 4 || g[1].Remaining != 1 || g[2].Remaining != 1 || g[3].Remaining != 0 {
			s.Errorf("%s: remaining %+v, want 4, 1, 1, 0", kind, g)
		}
	}
}

func limitLook(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 3, Interval: time.Hour}
		for range 3 {
			if g := s.look(p, "k"); g.Remaining != 3 || g.Reset != 0 {
				s.Errorf("%s: unknown key: %+v", kind, g)
			}
		}
		s.want(p, "k", 1, 1, 2)
		if g := s.look(p, "k"); g.Remaining != 2 {
			s.Errorf("%s: %+v", kind, g)
		}
	}
}

func limitKeysApart(s *limitScene) {
	p := ratelimit.Policy{Name: "limit", Kind: ratelimit.Fixed, Points: 1, Interval: time.Hour}
	for _, key := range []string{"a", "A", "a:b", "a}", "{a}", "a ", " ", "\x00", "%7D", "}", "ä", "limit:a"} {
		s.want(p, key, 1, 1, 0)
	}
}

func limitLimitsApart(s *limitScene) {
	for _, name := range []string{"a", "b", "a:b", "a.b", "a/"[:1] + "-"} {
		p := ratelimit.Policy{Name: name, Kind: ratelimit.Fixed, Points: 1, Interval: time.Hour}
		for _, key := range []string{"k", "b:k"} {
			s.want(p, key, 1, 1, 0)
		}
	}
}

func limitBatch(s *limitScene) {
	p := ratelimit.Policy{Name: "limit", Points: 2, Interval: time.Hour}
	var batch []ratelimit.Want
	place := s.store.Place(p, "0")
	for i := 0; len(batch) < 256; i++ {
		if key := strconv.Itoa(i); s.store.Place(p, key) == place {
			batch = append(batch, ratelimit.Want{Key: key, Cost: 1, Count: 1 + i%4})
		}
	}
	for i, g := range s.take(p, batch...) {
		if want := min(batch[i].Count, 2); g.Allowed != want {
			s.Errorf("%d of %d allowed, want %d", g.Allowed, batch[i].Count, want)
		}
	}
}

func limitLease(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 10, Interval: time.Hour, Lease: 5}
		g := s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 1, Ahead: 5})[0]
		if g.Allowed != 1 || g.Leased != 5 || g.Remaining != 4 || g.LeaseFor < time.Second/2 {
			s.Errorf("%s: %+v", kind, g)
		}
		g = s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 1, Ahead: 5})[0]
		if g.Allowed != 1 || g.Leased != 3 || g.Remaining != 0 {
			s.Errorf("%s: then %+v", kind, g)
		}
	}
}

// limitLeaseRoom shows that what is leased and what refills are never a burst of more than the
// points together.
func limitLeaseRoom(s *limitScene) {
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Sliding} {
		// In a real store's time this is about 60 ms of a unit of one second.
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 100, Interval: s.unit, Lease: 50}
		began := time.Now()
		lease := s.take(p, ratelimit.Want{Key: "k", Ahead: 50})[0]
		until := began.Add(lease.LeaseFor)
		for time.Now().Before(until) {
			g := s.look(p, "k")
			if time.Now().Before(until) && g.Remaining > 50 {
				s.Fatalf("%s: %d points beside the 50 leased ones", kind, g.Remaining)
			}
			s.pass(s.unit / 200)
		}
		s.pass(s.unit + s.unit/8)
		if g := s.look(p, "k"); g.Remaining != 100 {
			s.Errorf("%s: in the end %+v", kind, g)
		}
	}
}

func limitLeaseRefused(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 5, Interval: time.Hour}
		g := s.take(p, ratelimit.Want{Key: "k", Cost: 3, Count: 2, Ahead: 2})[0]
		if g.Allowed != 1 || g.Leased != 0 || g.Remaining != 2 {
			s.Errorf("%s: %+v", kind, g)
		}
		p.Block = time.Hour
		g = s.take(p, ratelimit.Want{Key: "k", Cost: 3, Count: 1, Ahead: 2})[0]
		if g.Leased != 0 || !g.Blocked {
			s.Errorf("%s: blocked: %+v", kind, g)
		}
	}
}

func limitLeaseFixed(s *limitScene) {
	p := s.policy(ratelimit.Fixed, 10)
	began := time.Now()
	s.want(p, "k", 1, 1, 9)
	s.pass(s.unit - s.unit/32)
	g := s.take(p, ratelimit.Want{Key: "k", Ahead: 5})[0]
	if left := s.unit - time.Since(began); left > 0 && g.LeaseFor > s.unit/32 {
		s.Errorf("%v before the window ends: %+v", left, g)
	}
}

// limitBeside consumes from many goroutines at once: not one too many, not one too few.
func limitBeside(s *limitScene) {
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: kind.String(), Kind: kind, Points: 100, Interval: 24 * time.Hour}
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 10 {
					grants, err := s.store.Take(s.Context(), p, []ratelimit.Want{{Key: "k", Cost: 1, Count: 1 + i%3}})
					if err != nil {
						s.Errorf("Take: %v", err)
						return
					}
					allowed.Add(int64(grants[0].Allowed))
				}
			})
		}
		wg.Wait()
		if got := allowed.Load(); got != 100 {
			s.Errorf("%s: %d of 100 points", kind, got)
		}
	}
}

func limitContext(s *limitScene) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	p := s.policy(ratelimit.Bucket, 1)
	if _, err := s.store.Take(ctx, p, []ratelimit.Want{{Key: "k", Cost: 1, Count: 1}}); !errors.Is(err, context.Canceled) {
		s.Errorf("Take: %v", err)
	}
	if err := s.store.Change(ctx, p, "k", ban(time.Hour)); !errors.Is(err, context.Canceled) {
		s.Errorf("Change: %v", err)
	}
	if err := s.store.Clear(ctx, p); !errors.Is(err, context.Canceled) {
		s.Errorf("Clear: %v", err)
	}
	s.want(p, "k", 1, 1, 0)
}
