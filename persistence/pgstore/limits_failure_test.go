package pgstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// A server that crashed has full buckets again; one that was restarted in order has not.
func TestLimitsAfterRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	l := NewLimits(pgtest.Open(t, server.Database(t), pgdb.Config{}), nil)
	p := hourly(ratelimit.Sliding, 2)
	look := func(want int) {
		t.Helper()
		pgtest.Eventually(t, 20*time.Second, "the limits work again", func() error {
			grants, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: "k"}})
			if err == nil && grants[0].Remaining != want {
				t.Errorf("%+v", grants)
			}
			return err
		})
	}
	takeOf(t, l, p, 1, 1)
	server.Stop(t)
	server.Run(t)
	look(1)
	server.Kill()
	server.Run(t)
	look(2)
}

// RL-15: with an open breaker every call fails at once, and none allows.
func TestLimitsBreakerOpen(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(context.Background()) }()
	b, err := breaker.New(system, breaker.Options{Backend: "postgres", FailureThreshold: 1, Answered: pgdb.Answered, Reason: pgdb.Reason})
	if err != nil {
		t.Fatal(err)
	}
	server := pgtest.Start(t)
	s := NewLimits(pgtest.Open(t, server.Database(t), pgdb.Config{Breaker: b, Timeout: 500 * time.Millisecond}), nil)
	l := startLimits(t, ratelimit.Config{Store: s, Policies: []ratelimit.Policy{hourly(ratelimit.Bucket, 100)}})
	pgtest.Eventually(t, 10*time.Second, "a consume", func() error {
		_, err := l.Consume(t.Context(), "limit", "k", 1)
		return err
	})
	server.Kill()
	pgtest.Eventually(t, 10*time.Second, "the breaker opens", func() error {
		if r, err := l.Consume(t.Context(), "limit", "k", 1); r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
			t.Fatalf("%+v, %v", r, err)
		}
		if b.State() == breaker.Healthy {
			return errors.New("it is healthy")
		}
		return nil
	})
	for name, call := range map[string]func() error{
		"consume": func() error { _, err := l.Consume(t.Context(), "limit", "k", 1); return err },
		"ban":     func() error { return l.Ban(t.Context(), "limit", "k", 0) },
		"clear":   func() error { return l.Clear(t.Context(), "limit") },
	} {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if err := call(); !errors.Is(err, breaker.ErrOpen) || !errors.Is(err, ratelimit.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
			best = min(best, time.Since(began))
		}
		if best > 5*time.Millisecond {
			t.Errorf("%s took %v to be refused", name, best)
		}
	}
}

// A Postgres that hangs holds nobody beyond the limits' own timeout.
func TestLimitsPostgresHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	s := NewLimits(pgtest.Open(t, proxy.URL(server.Database(t)), pgdb.Config{}), nil)
	l := startLimits(t, ratelimit.Config{Store: s, Timeout: 400 * time.Millisecond, Policies: []ratelimit.Policy{hourly(ratelimit.Bucket, 100)}})
	works := func() error {
		_, err := l.Consume(t.Context(), "limit", "k", 1)
		return err
	}
	pgtest.Eventually(t, 10*time.Second, "a consume", works)
	proxy.Hang()
	for range 3 {
		began := time.Now()
		r, err := l.Consume(t.Context(), "limit", "k", 1)
		if r.Allowed || !errors.Is(err, ratelimit.ErrUnavailable) {
			t.Errorf("%+v, %v", r, err)
		}
		if d := time.Since(began); d > 3*time.Second { // the machine may be busy
			t.Errorf("it took %v", d)
		}
	}
	proxy.Heal(t)
	pgtest.Eventually(t, 20*time.Second, "it works again", works)
}

// A node that stops while it has a limit's lock holds others up for no longer than Postgres lets it.
func TestLimitsHolderHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	url := server.Database(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	stuck := pgtest.Open(t, proxy.URL(url), pgdb.Config{Timeout: 20 * time.Second}) // it does not give up
	l := NewLimits(pgtest.Open(t, url, pgdb.Config{}), nil)
	p := hourly(ratelimit.Bucket, 100)
	takeOf(t, l, p, 1, 1)
	err := stuck.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		if _, _, err := l.begin(ctx, q, l.lockOf(p.Name), p.Name, []string{"k"}); err != nil {
			return err
		}
		proxy.Hang() // its end is not heard of either
		began := time.Now()
		pgtest.Eventually(t, 10*time.Second, "others go on", func() error {
			_, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: "k", Cost: 1, Count: 1}})
			return err
		})
		t.Logf("others went on after %v", time.Since(began))
		return nil
	})
	proxy.Heal(t)
	if err != nil {
		t.Error(err)
	}
}
