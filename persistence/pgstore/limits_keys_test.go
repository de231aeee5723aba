package pgstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func hourly(kind ratelimit.Kind, points int) ratelimit.Policy {
	return ratelimit.Policy{Name: "limit", Kind: kind, Points: points, Interval: time.Hour}
}

func takeOf(t testing.TB, l *Limits, p ratelimit.Policy, cost, count int) ratelimit.Grant {
	t.Helper()
	grants, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: "k", Cost: cost, Count: count}})
	if err != nil {
		t.Fatal(err)
	}
	return grants[0]
}

// ask reads one value.
func ask[T any](t testing.TB, url, sql string, args ...any) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// limitsIn are limits in a database of their own, with its URL.
func limitsIn(t testing.TB) (*Limits, string) {
	t.Helper()
	url := pgtest.Shared(t).Database(t)
	return NewLimits(pgtest.Open(t, url, pgdb.Config{}), nil), url
}

func runTasks(t testing.TB, tasks []Task) {
	t.Helper()
	for _, task := range tasks {
		if err := task.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", task.Name, err)
		}
	}
}

// RL-14: no row outlives what it says by much, none goes before, and none is there for ever.
func TestLimitRowsEnd(t *testing.T) {
	t.Parallel()
	l, url := limitsIn(t)
	const slack = time.Minute + 10*time.Second
	blocking := func(d time.Duration) ratelimit.Policy {
		p := hourly(ratelimit.Fixed, 5)
		p.Block = d
		return p
	}
	ban := func(t *testing.T, l *Limits, d time.Duration) {
		if err := l.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Ban, For: d}); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		do          func(t *testing.T, l *Limits)
		least, most time.Duration // 0: there is no row
	}{
		"an hour's bucket":                      {func(t *testing.T, l *Limits) { takeOf(t, l, hourly(ratelimit.Bucket, 5), 1, 5) }, time.Hour, time.Hour + slack},
		"a point of a bucket":                   {func(t *testing.T, l *Limits) { takeOf(t, l, hourly(ratelimit.Bucket, 60), 1, 1) }, time.Minute, 2 * time.Minute},
		"a fixed window":                        {func(t *testing.T, l *Limits) { takeOf(t, l, hourly(ratelimit.Fixed, 5), 1, 1) }, time.Hour, time.Hour + slack},
		"a sliding window":                      {func(t *testing.T, l *Limits) { takeOf(t, l, hourly(ratelimit.Sliding, 5), 1, 1) }, time.Hour, time.Hour + slack},
		"E42 a short block does not shorten it": {func(t *testing.T, l *Limits) { takeOf(t, l, blocking(time.Second), 1, 6) }, time.Hour, time.Hour + slack},
		"a long block":                          {func(t *testing.T, l *Limits) { takeOf(t, l, blocking(5*time.Hour), 1, 6) }, 5 * time.Hour, 5*time.Hour + slack},
		"E42 a short ban does not shorten it": {func(t *testing.T, l *Limits) {
			takeOf(t, l, hourly(ratelimit.Bucket, 5), 1, 5)
			ban(t, l, time.Second)
		}, time.Hour, time.Hour + slack},
		"the longest ban": {func(t *testing.T, l *Limits) { ban(t, l, ratelimit.MaxBlock) }, ratelimit.MaxBlock, ratelimit.MaxBlock + slack},
		"the end of the longest ban": {func(t *testing.T, l *Limits) {
			takeOf(t, l, hourly(ratelimit.Bucket, 5), 1, 5)
			ban(t, l, ratelimit.MaxBlock)
			if err := l.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Unban}); err != nil {
				t.Fatal(err)
			}
		}, time.Hour, time.Hour + slack},
		"E11 unban of an unknown key": {func(t *testing.T, l *Limits) {
			if err := l.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Unban}); err != nil {
				t.Fatal(err)
			}
		}, 0, 0},
		"a look": {func(t *testing.T, l *Limits) { takeOf(t, l, hourly(ratelimit.Bucket, 5), 0, 0) }, 0, 0},
		"reset": {func(t *testing.T, l *Limits) {
			takeOf(t, l, hourly(ratelimit.Bucket, 5), 1, 5)
			if err := l.Change(t.Context(), hourly(ratelimit.Bucket, 5), "k", ratelimit.Change{Do: ratelimit.Reset}); err != nil {
				t.Fatal(err)
			}
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pgtest.Exec(t, url, `delete from troupe.limits`)
			tt.do(t, l)
			left := time.Duration(ask[float64](t, url, `select coalesce(max(extract(epoch from gone - clock_timestamp()))::float8, 0) from troupe.limits`) * 1e9)
			if left < max(tt.least-10*time.Second, 0) || left > tt.most {
				t.Errorf("it goes in %v, want %v to %v", left, tt.least, tt.most)
			}
			runTasks(t, l.Tasks())
			if n := ask[int](t, url, `select count(*) from troupe.limits`); n != min(1, int(tt.most)) {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// Rows that say nothing any more go, however many; a key that is used all the time stays.
func TestLimitRowsAreSwept(t *testing.T) {
	t.Parallel()
	l, url := limitsIn(t)
	pgtest.Exec(t, url, `insert into troupe.limits (policy, key, state, gone)
		select 'old', n::text::bytea, 'f 1 5', clock_timestamp() - interval '1 second' from generate_series(1, 3500) n`)
	p := ratelimit.Policy{Name: "limit", Points: 1_000_000, Interval: 1000 * time.Second}
	for used := 0; used < 20_000; used += 500 {
		if g := takeOf(t, l, p, 500, 1); g.Allowed != 1 || g.Remaining > 1_000_000-500 {
			t.Fatalf("%+v", g)
		}
		runTasks(t, l.Tasks())
	}
	if keys := ask[[]string](t, url, `select array_agg(policy) from troupe.limits`); len(keys) != 1 || keys[0] != "limit" {
		t.Errorf("left are rows of %.5q", keys)
	}
	short := ratelimit.Policy{Name: "short", Points: 1, Interval: 100 * time.Millisecond}
	takeOf(t, l, short, 1, 1)
	pgtest.Eventually(t, 20*time.Second, "the row is gone", func() error {
		runTasks(t, l.Tasks())
		if n := ask[int](t, url, `select count(*) from troupe.limits where policy = 'short'`); n != 0 {
			return errors.New("it is there")
		}
		return nil
	})
}

// A sweep waits for nobody, and nobody for it.
func TestLimitSweepSkipsLocked(t *testing.T) {
	t.Parallel()
	l, url := limitsIn(t)
	pgtest.Exec(t, url, `insert into troupe.limits (policy, key, state, gone)
		select 'old', n::text::bytea, 'f 1 5', clock_timestamp() - interval '1 second' from generate_series(1, 10) n`)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `begin; update troupe.limits set gone = gone where key = '3'`); err != nil {
		t.Fatal(err)
	}
	runTasks(t, l.Tasks())
	if n := ask[int](t, url, `select count(*) from troupe.limits`); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}

// Whatever lies in a row, it is no crash and lets nobody through for ever, nor keeps anybody out.
func TestLimitPoisonedRows(t *testing.T) {
	t.Parallel()
	l, url := limitsIn(t)
	for _, text := range []string{"", "x", "b 1", "b 1 2 3", "b -1 -1 -1 -1 -1", "b 9007199254740991 9007199254740991 9007199254740991 9007199254740991 9007199254740991",
		"f 9007199254740991 9007199254740991", "s 9007199254740991 9007199254740991 9007199254740991", strings.Repeat("s 1 2 3;", 10_000)} {
		for _, kind := range limitKinds {
			p := ratelimit.Policy{Name: "limit", Kind: kind, Points: 3, Interval: 50 * time.Millisecond}
			pgtest.Exec(t, url, `insert into troupe.limits (policy, key, state, gone) values ('limit', 'k', $1, 'infinity')
				on conflict (policy, key) do update set state = excluded.state, gone = excluded.gone`, text)
			pgtest.Eventually(t, 5*time.Second, text+" is over", func() error {
				if g := takeOf(t, l, p, 1, 5); g.Allowed == 0 {
					return errors.New("refused")
				} else if g.Allowed > 3 {
					t.Fatalf("%.50q as %s: %+v", text, kind, g)
				}
				return nil
			})
			if ask[bool](t, url, `select gone > clock_timestamp() + interval '20 years' from troupe.limits`) {
				t.Errorf("%.50q as %s: it is there for ever", text, kind)
			}
		}
	}
}

// Clear forgets all keys of a limit, also many, and while others consume: what was consumed before is never
// there again.
func TestLimitsClearMany(t *testing.T) {
	t.Parallel()
	l, url := limitsIn(t)
	pgtest.Exec(t, url, `insert into troupe.limits (policy, key, state, gone)
		select p, n::text::bytea, 'f 1 9007199254740991', clock_timestamp() + interval '1 hour' from generate_series(1, 3500) n, unnest('{limit,other}'::text[]) p`)
	p := hourly(ratelimit.Fixed, 10)
	takeOf(t, l, p, 7, 1)
	done := make(chan error, 1)
	go func() { done <- l.Clear(t.Context(), p) }()
	for i := 0; ; i++ {
		if _, err := l.Take(t.Context(), p, []ratelimit.Want{{Key: fmt.Sprint("new", i), Cost: 1, Count: 1}}); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			continue
		}
		break
	}
	if g := takeOf(t, l, p, 1, 0); g.Remaining != 10 {
		t.Errorf("after Clear: %+v", g)
	}
	if n := ask[int](t, url, `select count(*) from troupe.limits where policy = 'limit' and state = 'f 1 9007199254740991'`); n != 0 {
		t.Errorf("%d keys were not forgotten", n)
	}
	if n := ask[int](t, url, `select count(*) from troupe.limits where policy = 'other'`); n != 3500 {
		t.Errorf("%d keys of another limit", n)
	}
}
