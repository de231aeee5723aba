package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start gives the limits of a node, which end with the test. Zero fields of cfg are filled in.
func start(t testing.TB, cfg ratelimit.Config) *ratelimit.Limits {
	t.Helper()
	if cfg.System == nil {
		cfg.System = actors.NewSystem(actors.Config{})
	}
	if cfg.Store == nil {
		cfg.Store = memstore.NewLimits(0)
	}
	l, err := ratelimit.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(l.Close(ctx), cfg.System.Close(ctx)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// far is a store that is some time away: it can be slow, fail, hang and panic, and counts.
type far struct {
	ratelimit.Store
	mu     sync.Mutex
	delay  time.Duration // there, and as long back
	err    error
	hang   bool
	crash  bool
	takes  [][]ratelimit.Want
	change int
}

func newFar(delay time.Duration) *far { return &far{Store: memstore.NewLimits(0), delay: delay} }

func (f *far) set(change func(f *far)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// calls is how often the store was asked to take.
func (f *far) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.takes)
}

func (f *far) Take(ctx context.Context, p ratelimit.Policy, batch []ratelimit.Want) (grants []ratelimit.Grant, err error) {
	f.mu.Lock()
	f.takes = append(f.takes, batch)
	f.mu.Unlock()
	err = f.travel(ctx, func() (err error) { grants, err = f.Store.Take(ctx, p, batch); return err })
	return grants, err
}

func (f *far) Change(ctx context.Context, p ratelimit.Policy, key string, c ratelimit.Change) error {
	f.mu.Lock()
	f.change++
	f.mu.Unlock()
	return f.travel(ctx, func() error { return f.Store.Change(ctx, p, key, c) })
}

func (f *far) travel(ctx context.Context, do func() error) error {
	f.mu.Lock()
	delay, err, hang, crash := f.delay, f.err, f.hang, f.crash
	f.mu.Unlock()
	if crash {
		panic("the store is broken")
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	<-time.After(delay)
	defer func() { <-time.After(delay) }()
	return do()
}

func consume(t testing.TB, l *ratelimit.Limits, key string, cost int) ratelimit.Result {
	t.Helper()
	r, err := l.Consume(t.Context(), "limit", key, cost)
	if err != nil {
		t.Fatalf("consume: %v", err)
	}
	return r
}

// want consumes and compares.
func want(t testing.TB, l *ratelimit.Limits, key string, cost int, allowed bool, remaining int) ratelimit.Result {
	t.Helper()
	r := consume(t, l, key, cost)
	if r.Allowed != allowed || r.Remaining != remaining {
		t.Errorf("consume %d: %+v; want allowed %t, remaining %d", cost, r, allowed, remaining)
	}
	return r
}

func peek(t testing.TB, l *ratelimit.Limits, key string) ratelimit.Result {
	t.Helper()
	r, err := l.Peek(t.Context(), "limit", key)
	if err != nil {
		t.Fatalf("peek: %v", err)
	}
	return r
}

func limit(kind ratelimit.Kind, points int, interval time.Duration) ratelimit.Policy {
	return ratelimit.Policy{Name: "limit", Kind: kind, Points: points, Interval: interval}
}

func policies(p ...ratelimit.Policy) []ratelimit.Policy { return p }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
