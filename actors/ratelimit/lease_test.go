package ratelimit_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

func leased(kind ratelimit.Kind, points int, interval time.Duration, lease int) ratelimit.Policy {
	p := limit(kind, points, interval)
	p.Lease = lease
	return p
}

// A node that uses a key much serves it from what it leased, and asks rarely.
func TestLeaseSavesCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(time.Millisecond)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(leased(ratelimit.Bucket, 100_000, 10*time.Second, 1000))})
		for range 20_000 {
			if !consume(t, l, "k", 1).Allowed {
				t.Fatal("refused")
			}
		}
		if n := store.calls(); n > 40 {
			t.Errorf("%d calls for 20,000 consumes", n)
		}
	})
}

// A key that is used rarely is not leased: nothing of it is lost.
func TestLeaseNotForTheRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := start(t, ratelimit.Config{Store: newFar(0), Policies: policies(leased(ratelimit.Fixed, 10, time.Hour, 5))})
		for i := range 10 {
			want(t, l, "k", 1, true, 9-i)
			time.Sleep(3 * time.Second)
		}
		want(t, l, "k", 1, false, 0)
	})
}

// Whatever nodes lease and when they use it, and though their calls take long, all together keep the limit.
func TestLeaseNeverAdmitsMore(t *testing.T) {
	t.Parallel()
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { leaseBeside(t, kind) })
		})
	}
}

func leaseBeside(t *testing.T, kind ratelimit.Kind) {
	const points, interval = 100, 2 * time.Second
	store := newFar(3 * time.Millisecond)
	var mu sync.Mutex
	var all []time.Duration
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for n := range 4 {
		l := start(t, ratelimit.Config{Store: store, Policies: policies(leased(kind, points, interval, 50))})
		for c := range 5 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					r, err := l.Consume(ctx, "limit", "k", 1)
					if err == nil && r.Allowed {
						mu.Lock()
						all = append(all, time.Since(began))
						mu.Unlock()
					}
					<-time.After(time.Duration(1+(i*7+n*3+c)%17) * time.Millisecond)
					if i%97 == 0 {
						<-time.After(time.Duration(n) * 700 * time.Millisecond) // let it fill up
					}
				}
			})
		}
	}
	wg.Wait()
	slices.Sort(all)
	if len(all) < 8*points {
		t.Errorf("%d allowed in 20 s, want about 1000", len(all))
	}
	for i := range all {
		for j := i; j < len(all); j++ {
			if n, d := j-i+1, all[j]-all[i]; n > most(kind, points, interval, d) {
				t.Fatalf("%d within %v", n, d)
			}
		}
	}
}

// most is what a kind may admit in a stretch of time.
func most(kind ratelimit.Kind, points int, interval, d time.Duration) int {
	switch kind {
	case ratelimit.Bucket:
		return points + int(d*time.Duration(points)/interval)
	case ratelimit.Sliding:
		return points * (1 + int(d/interval))
	}
	return points * (2 + int(d/interval))
}

// A ban on the node ends its lease at once, one elsewhere within a second.
func TestBanEndsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := ratelimit.Config{Store: newFar(0), Policies: policies(leased(ratelimit.Bucket, 1_000_000, time.Hour, 1000))}
		one, two := start(t, cfg), start(t, cfg)
		for _, banning := range []*ratelimit.Limits{one, two} {
			for range 100 {
				consume(t, one, "k", 1)
			}
			must(t, banning.Ban(t.Context(), "limit", "k", time.Hour))
			if banning == two {
				time.Sleep(time.Second)
			}
			if r := consume(t, one, "k", 1); r.Allowed || !r.Blocked {
				t.Errorf("banned: %+v", r)
			}
			must(t, one.Reset(t.Context(), "limit", "k"))
		}
	})
}

// Points that were leased and not used in time are not used.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(0)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(leased(ratelimit.Fixed, 1000, time.Second, 500))})
		for range 100 {
			consume(t, l, "k", 1)
		}
		time.Sleep(time.Second / 16)
		before := store.calls()
		consume(t, l, "k", 1)
		if store.calls() != before+1 {
			t.Error("a lease was used after its end")
		}
	})
}

// A consume of more than the node holds is decided by the store, and costs the lease nothing.
func TestLeaseTooSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := start(t, ratelimit.Config{Store: newFar(0), Policies: policies(leased(ratelimit.Fixed, 1000, time.Hour, 100))})
		used := 0
		for range 50 {
			used++
			consume(t, l, "k", 1)
		}
		for range 3 {
			used += 200
			if r := consume(t, l, "k", 200); !r.Allowed {
				t.Errorf("%+v", r)
			}
		}
		for i := range 1000 {
			if !consume(t, l, "k", 1).Allowed {
				break
			}
			used++
			_ = i
		}
		if used != 1000 {
			t.Errorf("%d of 1000 points could be used", used)
		}
	})
}
