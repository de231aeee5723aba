package pgdb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// slack is what a busy machine may add to a deadline; it is less than a second timeout.
const slack = 2 * time.Second

// Whatever hangs, no caller waits longer than Config.Timeout, and afterwards all is well.
func TestHangingServerHoldsNobody(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	p := pgtest.StartProxy(t, s.Addr())
	const timeout = time.Second
	db := open(t, p.URL(s.Database(t)), pgdb.Config{Timeout: timeout, MaxConns: 4})
	for name, hang := range map[string]struct{ begin, end func() }{
		"server stopped":  {s.Pause, s.Resume},
		"half-open":       {p.Hang, func() { p.Heal(t) }},
		"nothing accepts": {func() { p.Hang(); p.Cut() }, func() { p.Heal(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			hang.begin()
			held := func(what string, f func() error) {
				began := time.Now()
				err := f()
				if reason := pgdb.Reason(err); err == nil || reason != "timeout" && reason != "lost" {
					t.Errorf("%s: %s, %v", what, reason, err)
				}
				if took := time.Since(began); took > timeout+slack {
					t.Errorf("%s: held for %v", what, took)
				}
			}
			nothing := func(ctx context.Context, q pgdb.Querier) error { _, err := q.Exec(ctx, "select 1"); return err }
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { held("run", func() error { return db.Ping(t.Context()) }) })
				wg.Go(func() { held("tx", func() error { return db.Tx(t.Context(), nothing) }) })
				wg.Go(func() { held("long", func() error { return db.Long(t.Context(), timeout, nothing) }) })
			}
			wg.Go(func() { held("connect", func() error { _, err := db.Connect(t.Context(), "x"); return err }) })
			wg.Wait()
			hang.end()
			pgtest.Eventually(t, soon, "it works again", func() error { return db.Ping(t.Context()) })
			for range 20 { // also with each of its connections
				if err := db.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestCallerThatLeaves(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	p := pgtest.StartProxy(t, s.Addr())
	db := open(t, p.URL(s.Database(t)), pgdb.Config{Timeout: 30 * time.Second, MaxConns: 1})
	leave := func(what string, cancelled error, within time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if cancelled == context.Canceled {
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		defer cancel()
		began := time.Now()
		err := run(ctx, db, "select pg_sleep(20)")
		if took := time.Since(began); !errors.Is(err, cancelled) || errors.Is(err, pgdb.ErrTimeout) || took > within {
			t.Errorf("%s: after %v: %v", what, took, err)
		}
	}
	leave("canceled", context.Canceled, slack)
	leave("its own deadline", context.DeadlineExceeded, slack)
	pgtest.Eventually(t, soon, "the server has given up too", func() error {
		if n := one[int](t, db, "select count(*) from pg_stat_activity where query like '%pg_sleep(20)' and state = 'active' and pid <> pg_backend_pid()"); n > 0 {
			return errors.New("it works on")
		}
		return nil
	})
	p.Hang()
	leave("while it hangs", context.Canceled, slack)
	p.Heal(t)
	if err := db.Ping(t.Context()); err != nil { // its only connection is back, or a new one
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Ping(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that had left: %v", err)
	}
}

// Transactions that lock in different orders deadlock; all succeed.
func TestDeadlockRunsAgain(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Start(t, "deadlock_timeout=100ms").URL(), pgdb.Config{Timeout: 20 * time.Second})
	if err := run(t.Context(), db, "create table a as select n as id, 0 as x from generate_series(1, 2) n"); err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int32
	var met, wg sync.WaitGroup
	met.Add(2)
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		wg.Go(func() {
			first := true
			err := db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
				tries.Add(1)
				if _, err := q.Exec(ctx, "update a set x = x + 1 where id = $1", order[0]); err != nil {
					return err
				}
				if first {
					first = false
					met.Done()
					met.Wait()
				}
				_, err := q.Exec(ctx, "update a set x = x + 1 where id = $1", order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if sum := one[int](t, db, "select sum(x) from a"); sum != 4 || tries.Load() < 3 {
		t.Errorf("sum %d after %d tries, want 4 after 3 or more", sum, tries.Load())
	}
}

func TestSerializationRunsAgainAndEnds(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	tries := 0
	err := db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		tries++
		_, err := q.Exec(ctx, "do $$ begin raise exception using errcode = '40001'; end $$")
		return err
	})
	if pgdb.Code(err) != "40001" || tries != 3 || !pgdb.Answered(err) {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestLong(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{Timeout: 500 * time.Millisecond, MaxConns: 1})
	sleep := func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, "select pg_sleep(1.5)")
		return err
	}
	if err := db.Tx(t.Context(), sleep); !errors.Is(err, pgdb.ErrTimeout) {
		t.Errorf("tx: %v", err)
	}
	if err := db.Long(t.Context(), 20*time.Second, sleep); err != nil {
		t.Errorf("long: %v", err)
	}
	if err := db.Tx(t.Context(), sleep); !errors.Is(err, pgdb.ErrTimeout) {
		t.Errorf("tx after long, on the same connection: %v", err)
	}
	if err := db.Long(t.Context(), 300*time.Millisecond, sleep); !errors.Is(err, pgdb.ErrTimeout) {
		t.Errorf("long with a short limit: %v", err)
	}
}

func TestPanicGivesTheConnectionBack(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{MaxConns: 1})
	func() {
		defer func() { _ = recover() }()
		_ = db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
			_, _ = q.Exec(ctx, "create table a (x int)")
			panic("no")
		})
	}()
	if one[bool](t, db, "select to_regclass('a') is not null") {
		t.Error("what panicked was committed")
	}
}

func withBreaker(t *testing.T, o breaker.Options) *breaker.Breaker {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	o.Backend, o.Answered, o.Reason = "postgres", pgdb.Answered, pgdb.Reason
	b, err := breaker.New(system, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	b := withBreaker(t, breaker.Options{FailureThreshold: 3, ResetTimeout: 300 * time.Millisecond})
	db := open(t, s.Database(t), pgdb.Config{Breaker: b, Timeout: 5 * time.Second})
	mine := errors.New("mine")
	for range 10 { // answers, however many
		_ = run(t.Context(), db, "selec")
		_ = db.Tx(t.Context(), func(context.Context, pgdb.Querier) error { return mine })
		_ = db.Check(t.Context())
	}
	if b.State() != breaker.Healthy {
		t.Fatal("answers broke it")
	}
	s.Kill()
	for i := range 3 {
		if b.State() != breaker.Healthy {
			t.Errorf("broken after %d failures, want 3", i)
		}
		_ = db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error { _, err := q.Exec(ctx, "select 1"); return err })
	}
	if b.State() != breaker.Broken {
		t.Fatalf("after 3 failures it is %v", b.State())
	}
	began := time.Now()
	for range 100 {
		if err := db.Ping(t.Context()); !errors.Is(err, breaker.ErrOpen) && pgdb.Reason(err) != "refused" {
			t.Errorf("%v", err)
		}
	}
	if took := time.Since(began); took > slack {
		t.Errorf("100 refusals took %v", took)
	}
	s.Run(t)
	pgtest.Eventually(t, soon, "it heals", func() error { return db.Ping(t.Context()) })
	if b.State() != breaker.Healthy {
		t.Errorf("it is %v", b.State())
	}
}
