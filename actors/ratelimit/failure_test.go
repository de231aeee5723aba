package ratelimit_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

// RL-15: while the store fails nothing is allowed, and nobody waits.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(time.Millisecond)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		want(t, l, "k", 1, true, 99)
		store.set(func(f *far) { f.err = &breaker.OpenError{} })
		began := time.Now()
		for _, call := range calls(l) {
			err := call(t.Context())
			if !errors.Is(err, ratelimit.ErrUnavailable) || !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("%v", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error names the key: %v", err)
			}
		}
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v", d)
		}
		store.set(func(f *far) { f.err = nil })
		want(t, l, "k", 1, true, 98)
	})
}

// calls are all that can be asked of a key.
func calls(l *ratelimit.Limits) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"consume": func(ctx context.Context) error {
			r, err := l.Consume(ctx, "limit", "secret", 1)
			if r.Allowed {
				return errors.New("allowed")
			}
			return err
		},
		"peek":  func(ctx context.Context) error { _, err := l.Peek(ctx, "limit", "secret"); return err },
		"ban":   func(ctx context.Context) error { return l.Ban(ctx, "limit", "secret", 0) },
		"unban": func(ctx context.Context) error { return l.Unban(ctx, "limit", "secret") },
		"reset": func(ctx context.Context) error { return l.Reset(ctx, "limit", "secret") },
	}
}

// A store that hangs delays nobody beyond the timeout, however many wait for it.
func TestHangingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(0)
		l := start(t, ratelimit.Config{Store: store, Timeout: 2 * time.Second, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		store.set(func(f *far) { f.hang = true })
		var wg sync.WaitGroup
		for i := range 3000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				began := time.Now()
				r, err := l.Consume(t.Context(), "limit", string(rune('a'+i%20)), 1)
				if r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
					t.Errorf("%+v, %v", r, err)
				}
				if d := time.Since(began); d > 2*time.Second {
					t.Errorf("it took %v", d)
				}
			})
		}
		wg.Wait()
		store.set(func(f *far) { f.hang = false })
		time.Sleep(2 * time.Second)
		if r := consume(t, l, "a", 1); !r.Allowed {
			t.Errorf("afterwards: %+v", r)
		}
	})
}

// What has waited for a store that hangs is not asked for when nobody waits any more.
func TestLateIsNotAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(0)
		store.hang = true
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				if _, err := l.Consume(t.Context(), "limit", strconv.Itoa(i), 1); !errors.Is(err, ratelimit.ErrUnavailable) {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		time.Sleep(10 * time.Second)
		if n := store.calls(); n > 6 {
			t.Errorf("%d calls, want those of the first second", n)
		}
	})
}

// A caller leaves when its context ends, and what nobody waits for is not asked.
func TestCallerThatLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(100 * time.Millisecond)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		go func() { _, _ = l.Consume(context.Background(), "limit", "k", 1) }()
		synctest.Wait()
		for range 5 {
			if _, err := l.Consume(ctx, "limit", "k", 1); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ratelimit.ErrUnavailable) {
				t.Errorf("%v", err)
			}
		}
		time.Sleep(time.Second)
		if r := peek(t, l, "k"); r.Remaining != 99 {
			t.Errorf("%+v, want the first one only", r)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range calls(l) {
			if err := call(canceled); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A store that panics costs what was asked of it and no more.
func TestStorePanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(0)
		l := start(t, ratelimit.Config{Store: store, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		want(t, l, "secret", 1, true, 99)
		store.set(func(f *far) { f.crash = true })
		for name, call := range calls(l) {
			if err := call(t.Context()); !errors.Is(err, ratelimit.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		store.set(func(f *far) { f.crash = false })
		want(t, l, "secret", 1, true, 98)
	})
}

// liar is a store whose answers can not be.
type liar struct {
	ratelimit.Store
	grants []ratelimit.Grant
}

func (s *liar) Take(context.Context, ratelimit.Policy, []ratelimit.Want) ([]ratelimit.Grant, error) {
	return s.grants, nil
}

func TestImpossibleAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, grants := range [][]ratelimit.Grant{nil, {}, {{Allowed: 2}}, {{Allowed: -1}}, {{Leased: 1}}, {{Remaining: -1}}, {{}, {}}, {{Reset: -1}}} {
			l := start(t, ratelimit.Config{Store: &liar{memstore.NewLimits(0), grants}, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
			if r, err := l.Consume(t.Context(), "limit", "k", 1); r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
				t.Errorf("%+v: %+v, %v", grants, r, err)
			}
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := actors.NewSystem(actors.Config{})
		store := newFar(100 * time.Millisecond)
		l := start(t, ratelimit.Config{System: system, Store: store, Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		answered := make(chan error, 1)
		go func() {
			_, err := l.Consume(context.Background(), "limit", "k", 1)
			answered <- err
		}()
		synctest.Wait()
		must(t, l.Close(t.Context()))
		if err := <-answered; err != nil {
			t.Errorf("what was asked before: %v", err)
		}
		for name, call := range calls(l) {
			if err := call(t.Context()); !errors.Is(err, ratelimit.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := l.Clear(t.Context(), "limit"); !errors.Is(err, ratelimit.ErrClosed) {
			t.Errorf("clear: %v", err)
		}
	})
}

// Close gives up a store that hangs when its context ends.
func TestCloseOfHangingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFar(0)
		system := actors.NewSystem(actors.Config{})
		l, err := ratelimit.Start(ratelimit.Config{System: system, Store: store, Timeout: time.Hour,
			Policies: policies(limit(ratelimit.Bucket, 100, time.Hour))})
		must(t, err)
		store.set(func(f *far) { f.hang = true })
		go func() { _, _ = l.Consume(context.Background(), "limit", "k", 1) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v", d)
		}
		must(t, l.Close(t.Context()))
		must(t, system.Close(t.Context()))
	})
}
