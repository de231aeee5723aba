package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// warm gives the pool so many connections.
func warm(t *testing.T, db *pgdb.DB, conns int) {
	t.Helper()
	var all, wg sync.WaitGroup
	all.Add(conns)
	for range conns {
		wg.Go(func() {
			err := db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
				_, err := q.Exec(ctx, "select 1")
				all.Done()
				all.Wait()
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Connections that died while nobody used them cost no call, however they died.
func TestDeadConnectionsCostNothing(t *testing.T) {
	t.Parallel()
	const conns = 8
	for name, kill := range map[string]func(t *testing.T, s *pgtest.Server){
		"terminated": func(t *testing.T, s *pgtest.Server) { s.KillClients(t) },
		"restarted":  func(t *testing.T, s *pgtest.Server) { s.Stop(t); s.Run(t) },
		"killed":     func(t *testing.T, s *pgtest.Server) { s.Kill(); s.Run(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t)
			db := open(t, s.Database(t), pgdb.Config{MaxConns: conns, Timeout: 10 * time.Second})
			warm(t, db, conns)
			kill(t, s)
			pgtest.Eventually(t, soon, "they are dead", func() error {
				conn, err := pgx.Connect(t.Context(), s.URL())
				if err != nil {
					return err
				}
				defer conn.Close(t.Context())
				n := 0
				if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name like 'troupe%'").Scan(&n); err != nil || n > 0 {
					return fmt.Errorf("%d live, %w", n, err)
				}
				return nil
			})
			for range 3 * conns {
				if err := db.Ping(t.Context()); err != nil {
					t.Errorf("lost: %v", err)
				}
			}
		})
	}
}

// Connections that are half-open, about which nobody says anything, cost one call and not one each; nor do they keep others
// from being made, also if even the server can not be told that a call was given up.
func TestHalfOpenConnectionsCostOneCall(t *testing.T) {
	t.Parallel()
	for _, conns := range []int{1, 6} {
		t.Run(fmt.Sprint(conns, " connections"), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t)
			p := pgtest.StartProxy(t, s.Addr())
			db := open(t, p.URL(s.Database(t)), pgdb.Config{MaxConns: conns, Timeout: 4 * time.Second})
			warm(t, db, conns)
			p.Hang()
			if err := db.Ping(t.Context()); !errors.Is(err, pgdb.ErrTimeout) {
				t.Fatalf("while it hangs: %v", err)
			}
			pgtest.Eventually(t, soon, "the server is to be told, on a connection of its own", func() error {
				if n := p.Count(); n <= conns {
					return fmt.Errorf("%d connections", n)
				}
				return nil
			})
			p.Strand()
			p.Heal(t)
			for i := range 2 * conns {
				if err := db.Ping(t.Context()); err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
}

// Every 50 ms all connections are ended, under load: calls either do what they say or fail with a clear error, and
// what was answered is there.
func TestConnectionsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	for _, conns := range []int{1, 8} {
		t.Run(fmt.Sprint(conns, " connections"), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t)
			db := open(t, s.Database(t), pgdb.Config{MaxConns: conns, Timeout: 5 * time.Second})
			if err := run(t.Context(), db, "create table a (id int8 primary key)"); err != nil {
				t.Fatal(err)
			}
			killer, err := pgx.Connect(t.Context(), s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer killer.Close(t.Context())
			var next, fine, failed atomic.Int64
			answered := make([]atomic.Bool, 1<<20)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for ctx.Err() == nil {
						id := next.Add(1)
						switch err := run(t.Context(), db, "insert into a values ($1)", id); {
						case err == nil:
							fine.Add(1)
							answered[id].Store(true)
						case pgdb.Reason(err) == "lost" && !pgdb.Answered(err):
							failed.Add(1)
						default:
							t.Errorf("%s: %v", pgdb.Reason(err), err)
						}
					}
				})
			}
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range 40 {
				<-tick.C
				if _, err := killer.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'troupe%'"); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			wg.Wait()
			for range 2 * conns {
				if err := db.Ping(t.Context()); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			}
			var want int64
			for i := range answered {
				if answered[i].Load() {
					want++
				}
			}
			if n := one[int64](t, db, "select count(*) from a"); n < want || want == 0 {
				t.Errorf("%d rows, %d were answered", n, want)
			}
			t.Logf("%d fine, %d failed", fine.Load(), failed.Load())
			if failed.Load() > 40*int64(conns)+40 {
				t.Errorf("40 outages cost %d calls of %d", failed.Load(), next.Load())
			}
		})
	}
}

// A pool of one serves many, one after the other.
func TestPoolOfOne(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{MaxConns: 1, Timeout: 20 * time.Second})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				if err := db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error { _, err := q.Exec(ctx, "select 1"); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// What waits for a connection waits no longer than Config.Timeout.
func TestWaitForAConnectionIsBounded(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{MaxConns: 1, Timeout: 700 * time.Millisecond})
	busy, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = db.Long(t.Context(), 20*time.Second, func(ctx context.Context, q pgdb.Querier) error {
			close(busy)
			_, err := q.Exec(ctx, "select pg_sleep(2)")
			return err
		})
	}()
	<-busy
	began := time.Now()
	if err := db.Ping(t.Context()); !errors.Is(err, pgdb.ErrTimeout) || time.Since(began) > slack {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	<-done
}

// On a disk that is full calls fail with what is wrong; when there is room they succeed again, and what was answered is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := pgtest.TinyDisk(t)
	db := open(t, s.Database(t), pgdb.Config{Timeout: 5 * time.Second})
	if err := run(t.Context(), db, "create table a (id int8 primary key, x text)"); err != nil {
		t.Fatal(err)
	}
	id, answered := 0, map[int]bool{}
	write := func() error {
		id++
		err := run(t.Context(), db, "insert into a values ($1, $2)", id, strings.Repeat("x", 1900))
		answered[id] = err == nil
		return err
	}
	for round := range 3 {
		s.FillDisk(t)
		pgtest.Eventually(t, soon, "there is no room", func() error {
			for range 100 {
				switch err := write(); {
				case pgdb.Reason(err) == "full":
					return nil
				case err != nil:
					t.Errorf("round %d: %s, %v", round, pgdb.Reason(err), err)
				}
			}
			return errors.New("there is")
		})
		s.FreeDisk(t)
		for range 20 {
			if err := write(); err != nil {
				t.Errorf("round %d: with room: %v", round, err)
			}
		}
	}
	want := 0
	for _, ok := range answered {
		if ok {
			want++
		}
	}
	if n := one[int](t, db, "select count(*) from a"); n != want {
		t.Errorf("%d rows, %d were answered", n, want)
	}
}
