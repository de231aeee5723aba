package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// What is known to be refused is refused without asking the store, but for once a second.
func TestRefusedWithoutAsking(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(t *testing.T, l *ratelimit.Limits){
		"empty":  func(t *testing.T, l *ratelimit.Limits) { want(t, l, "k", 5, true, 0) },
		"banned": func(t *testing.T, l *ratelimit.Limits) { must(t, l.Ban(t.Context(), "limit", "k", time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFar(time.Millisecond)
				l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Fixed, 5, time.Hour))})
				make(t, l)
				consume(t, l, "k", 1)
				before := store.calls()
				for range 10_000 {
					if consume(t, l, "k", 1).Allowed {
						t.Fatal("allowed")
					}
					time.Sleep(time.Millisecond)
				}
				if asked := store.calls() - before; asked < 9 || asked > 10 {
					t.Errorf("the store was asked %d times in 10 s", asked)
				}
			})
		})
	}
}

// A node refuses nothing by itself that the store would allow: as soon as there are points again it asks.
func TestRefusesNothingForTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const delay = 2 * time.Millisecond
		l := start(t, ratelimit.Config{Store: newFar(delay), Policies: policies(limit(ratelimit.Bucket, 100, time.Second))})
		want(t, l, "k", 100, true, 0)
		emptied := time.Now().Add(-delay)
		for range 500 {
			at := time.Since(emptied)
			r := consume(t, l, "k", 3)
			if got := int(at / (10 * time.Millisecond)); !r.Allowed && got >= 3 {
				t.Fatalf("refused %v after it was emptied, with %d points: %+v", at, got, r)
			} else if r.Allowed {
				emptied = emptied.Add(30 * time.Millisecond)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// What another node does to a key is noticed within a second.
func TestOthersAreNoticed(t *testing.T) {
	t.Parallel()
	lifts := map[string]func(ctx context.Context, l *ratelimit.Limits) error{
		"unban": func(ctx context.Context, l *ratelimit.Limits) error { return l.Unban(ctx, "limit", "k") },
		"reset": func(ctx context.Context, l *ratelimit.Limits) error { return l.Reset(ctx, "limit", "k") },
		"clear": func(ctx context.Context, l *ratelimit.Limits) error { return l.Clear(ctx, "limit") },
	}
	for name, lift := range lifts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFar(time.Millisecond)
				cfg := ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Fixed, 5, time.Hour))}
				one, two := start(t, cfg), start(t, cfg)
				must(t, one.Ban(t.Context(), "limit", "k", time.Hour))
				consume(t, one, "k", 1)
				consume(t, two, "k", 1)
				must(t, lift(t.Context(), one))
				synctest.Wait()
				if !consume(t, one, "k", 1).Allowed {
					t.Error("the node that did it does not know")
				}
				time.Sleep(time.Second)
				if !consume(t, two, "k", 1).Allowed {
					t.Error("after a second the other node does not know")
				}
				must(t, one.Ban(t.Context(), "limit", "k", time.Hour))
				if consume(t, two, "k", 1).Allowed {
					t.Error("a ban is not seen where nothing was known")
				}
			})
		})
	}
}

// What the store answered before a Clear, and what arrives after it, is not believed.
func TestAnswerUnderWayIsNotBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := start(t, ratelimit.Config{Store: newFar(10 * time.Millisecond), Policies: policies(limit(ratelimit.Fixed, 1, time.Hour))})
		want(t, l, "k", 1, true, 0)
		time.Sleep(time.Second) // nothing is known any more
		var wg sync.WaitGroup
		wg.Go(func() { want(t, l, "k", 1, false, 0) })
		time.Sleep(15 * time.Millisecond) // it is refused, and on its way back
		must(t, l.Clear(t.Context(), "limit"))
		wg.Wait()
		want(t, l, "k", 1, true, 0)
	})
}

// Consumes that come while the store is asked go together in the next call, in their order.
func TestWaitingGoAsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(10 * time.Millisecond)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 1000, time.Hour))})
		var wg sync.WaitGroup
		var allowed atomic.Int64
		for range 2000 {
			wg.Go(func() {
				if consume(t, l, "k", 1).Allowed {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		if n := store.calls(); n > 3 || allowed.Load() != 1000 {
			t.Errorf("%d calls for 2000 consumes at once, %d allowed", n, allowed.Load())
		}
	})
}

// Consumes of different keys share calls, too.
func TestKeysShareCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(10 * time.Millisecond)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 2, time.Hour))})
		var wg sync.WaitGroup
		for i := range 512 {
			wg.Go(func() { want(t, l, fmt.Sprint(i), 1, true, 1) })
		}
		wg.Wait()
		if n := store.calls(); n > 8 {
			t.Errorf("%d calls for 512 keys at once", n)
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		for _, batch := range store.takes {
			if len(batch) > 256 {
				t.Errorf("a call with %d wants", len(batch))
			}
		}
	})
}

// Actors retire, and what they knew with them: memory does not grow with the keys that were.
func TestIdleActorsRetire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := start(t, ratelimit.Config{Store: newFar(0), Policies: policies(limit(ratelimit.Fixed, 1, time.Hour))})
		for i := range 1000 {
			want(t, l, fmt.Sprint(i), 1, true, 0)
		}
		if n := l.Len(); n != 1000 {
			t.Errorf("%d actors", n)
		}
		time.Sleep(20 * time.Second)
		if n := l.Len(); n != 0 {
			t.Errorf("%d actors after 20 s", n)
		}
		want(t, l, "7", 1, false, 0)
	})
}

// A node that knows much of keys stays small.
func TestKeysAreSmall(t *testing.T) {
	l := start(t, ratelimit.Config{System: actors.NewSystem(actors.Config{}), Policies: policies(limit(ratelimit.Fixed, 1, time.Hour))})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const keys = 20_000
	for i := range keys {
		consume(t, l, fmt.Sprint(i), 1)
	}
	if each := (heap() - before) / keys; each > 3000 {
		t.Errorf("%d bytes for a key", each)
	} else {
		t.Logf("%d bytes for a key", each)
	}
}

// Every caller is answered while keys come, go, are banned, reset and cleared.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	l := start(t, ratelimit.Config{Store: newFar(0), Policies: policies(limit(ratelimit.Bucket, 5, 50*time.Millisecond))})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprint((n * (i + 1)) % 7)
				var err error
				switch n % 50 {
				case 0:
					err = l.Ban(ctx, "limit", key, time.Millisecond)
				case 1:
					err = l.Unban(ctx, "limit", key)
				case 2:
					err = l.Reset(ctx, "limit", key)
				case 3:
					err = l.Clear(ctx, "limit")
				case 4:
					_, err = l.Peek(ctx, "limit", key)
				default:
					_, err = l.Consume(ctx, "limit", key, 1+n%5)
				}
				if err != nil && !errors.Is(err, ctx.Err()) {
					t.Errorf("%d: %v", n%50, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
