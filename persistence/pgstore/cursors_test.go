package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var cases atomic.Int32
	storetest.Cursors(t, func(t *testing.T) cursor.Store {
		return NewCursors(pgtest.Open(t, url, pgdb.Config{Schema: fmt.Sprint("case_", cases.Add(1))}))
	}, storetest.CursorOptions{})
}

func openCursors(t testing.TB) *Cursors {
	t.Helper()
	return NewCursors(pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{}))
}

func cursorAt(key string, number uint64, data string) cursor.Entry {
	return cursor.Entry{Key: key, Number: number, User: []byte("null"), Data: []byte(data)}
}

func saveCursors(t testing.TB, s *Cursors, ttl time.Duration, entries ...cursor.Entry) {
	t.Helper()
	if err := s.Save(t.Context(), "t", "a", entries, ttl); err != nil {
		t.Fatal(err)
	}
}

func loadCursors(t testing.TB, s *Cursors) string {
	t.Helper()
	list, err := s.Load(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, e := range list {
		said += fmt.Sprintf("%s=%s ", e.Key, e.Data)
	}
	return said
}

// A call that was given up does not undo a later one.
func TestCursorsLateCall(t *testing.T) {
	t.Parallel()
	s := openCursors(t)
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "1"))
	saveCursors(t, s, time.Minute, cursor.Entry{Key: "k", Number: 2})
	s.number.Add(-2) // what comes now carries the numbers of calls that were before
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "late"))
	if got := loadCursors(t, s); got != "" {
		t.Errorf("a late call brought %s", got)
	}
	other := NewCursors(s.db) // numbers of another node begin anew
	saveCursors(t, other, time.Minute, cursorAt("k", 3, "3"))
	if got := loadCursors(t, s); got != "k=3 " {
		t.Errorf("loaded %s", got)
	}
}

// The server's process that has taken a call stops, the call is given up, and a later one removes what it
// was to write. When the process goes on it finds the call and runs it.
func TestCursorsLateProcess(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	s := NewCursors(pgtest.Open(t, url, pgdb.Config{MaxConns: 1, Timeout: 700 * time.Millisecond}))
	saveCursors(t, s, time.Minute, cursorAt("k", 1, "1"))
	pid := 0
	if err := s.db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid)
	}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT) //nolint:errcheck // it may have ended
	if err := s.Save(t.Context(), "t", "a", []cursor.Entry{cursorAt("k", 2, "late"), cursorAt("x", 1, "late")}, time.Minute); err == nil {
		t.Fatal("the call was answered")
	}
	pgtest.Eventually(t, 10*time.Second, "a later call", func() error { // on another connection
		return s.Save(t.Context(), "t", "a", []cursor.Entry{{Key: "k", Number: 3}, {Key: "x", Number: 2}, cursorAt("y", 1, "y")}, time.Minute)
	})
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 20*time.Second, "the process ends", func() error {
		if n := ask[int](t, url, `select count(*) from pg_stat_activity where pid = $1`, pid); n > 0 {
			return errors.New("it is there")
		}
		return nil
	})
	if got := loadCursors(t, s); got != "y=y " {
		t.Errorf("loaded %s", got)
	}
}

// What has expired goes, and nothing else.
func TestCursorsAreSwept(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	s := NewCursors(pgtest.Open(t, url, pgdb.Config{}))
	saveCursors(t, s, time.Hour, cursorAt("k", 1, "1"))
	saveCursors(t, s, time.Hour, cursorAt("k", 2, "2")) // its row ends as before
	if left := ask[float64](t, url, `select extract(epoch from gone - until)::float8 from troupe.cursors`); left < 0 || left > 61 {
		t.Errorf("it is kept for %v s after it expired", left)
	}
	if left := ask[float64](t, url, `select extract(epoch from gone - clock_timestamp())::float8 from troupe.cursor_writers`); left < 600 || left > 660 {
		t.Errorf("late calls are known for %v s", left)
	}
	pgtest.Exec(t, url, `
		insert into troupe.cursors select 'old', n::text::bytea, 1, 'a', '1', '1', clock_timestamp() - interval '2 minutes', clock_timestamp() - interval '1 minute'
			from generate_series(1, 2500) n;
		insert into troupe.cursor_writers select 'old', n::text, 1, clock_timestamp() - interval '1 minute' from generate_series(1, 2500) n`)
	runTasks(t, s.Tasks())
	if n := ask[int](t, url, `select (select count(*) from troupe.cursors) * 1000 + (select count(*) from troupe.cursor_writers)`); n != 1001 {
		t.Errorf("left are %d cursors and %d writers", n/1000, n%1000)
	}
}

// A row's end moves now and then, not with every save, and is never before the cursor's.
func TestCursorsRowsEndInLeaps(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	s := NewCursors(pgtest.Open(t, url, pgdb.Config{}))
	ends := map[float64]bool{}
	for n := range 20 {
		saveCursors(t, s, time.Minute+time.Duration(n)*12*time.Second, cursorAt("k", uint64(n+1), "1"))
		if ask[bool](t, url, `select gone < until or gone > until + interval '1 minute' from troupe.cursors`) {
			t.Fatal("the row ends at the wrong time")
		}
		ends[ask[float64](t, url, `select extract(epoch from gone)::float8 from troupe.cursors`)] = true
	}
	if len(ends) < 3 || len(ends) > 7 {
		t.Errorf("it had %d ends in 20 saves over four minutes", len(ends))
	}
}

func TestCursorsTooMany(t *testing.T) {
	t.Parallel()
	s := openCursors(t)
	some := make([]cursor.Entry, cursor.MaxEntries+1)
	if err := s.Save(t.Context(), "t", "a", some, time.Minute); err == nil {
		t.Error("more than MaxEntries were saved")
	}
	if err := s.Save(t.Context(), "t", "a", nil, time.Minute); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// Many nodes save and load while connections are killed and the server crashes: who tries again succeeds, and what
// was saved after the crash is there.
func TestCursorsThroughFailures(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for node := range 3 {
		s := NewCursors(pgtest.Open(t, url, pgdb.Config{}))
		wg.Go(func() {
			key := fmt.Sprint("k", node)
			for n := uint64(1); ; n++ {
				last := false
				select {
				case <-stop:
					last = true
				default:
				}
				pgtest.Eventually(t, 30*time.Second, "a save", func() error {
					if _, err := s.Load(t.Context(), "t"); err != nil {
						return err
					}
					return s.Save(t.Context(), "t", key, []cursor.Entry{cursorAt(key, n, fmt.Sprint(n)), {Key: "shared", Number: n}}, time.Minute)
				})
				if last {
					return
				}
			}
		})
	}
	for range 10 {
		server.KillClients(t)
		<-time.After(50 * time.Millisecond)
	}
	server.Kill()
	server.Run(t)
	close(stop)
	wg.Wait()
	list, err := NewCursors(pgtest.Open(t, url, pgdb.Config{})).Load(t.Context(), "t")
	if err != nil || len(list) != 3 {
		t.Errorf("%d cursors, %v", len(list), err)
	}
}

// What does a save of 100 cursors that move cost, and one of a single one?
func BenchmarkCursorsSave(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("cursors=%d", size), func(b *testing.B) {
			s := openCursors(b)
			some := make([]cursor.Entry, size)
			n := uint64(0)
			for b.Loop() {
				n++
				for i := range some {
					some[i] = cursorAt(fmt.Sprint(i), n, `{"x":123.5,"y":456.25}`)
				}
				saveCursors(b, s, time.Minute, some...)
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "cursors/s")
		})
	}
}
