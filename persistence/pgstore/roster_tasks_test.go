package pgstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// rosterRows are how many rows there are of rosters, members, lives, the dead and notes.
func rosterRows(t testing.TB, r *Rosters, url string) string {
	t.Helper()
	return ask[string](t, url, r.db.SQL(`select concat_ws(' ', (select count(*) from {schema}.rosters), (select count(*) from {schema}.roster_members),
		(select count(*) from {schema}.roster_lives), (select count(*) from {schema}.roster_dead), (select count(*) from {schema}.roster_notes))`))
}

// pass lets time pass.
func pass(t testing.TB, r *Rosters, url string, d time.Duration) {
	t.Helper()
	const by = ` - make_interval(secs => `
	secs := strconv.Itoa(int(d.Seconds())) + ")"
	pgtest.Exec(t, url, r.db.SQL(`update {schema}.rosters set used_at = used_at`+by+secs+`, closed_until = closed_until`+by+secs+`;
		update {schema}.roster_lives set at = at`+by+secs+`; update {schema}.roster_dead set at = at`+by+secs))
}

// Nothing stays for ever that nobody needs, and nothing goes that somebody does.
func TestRosterRowsAreForgotten(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	after := func(d time.Duration, want string) {
		t.Helper()
		pass(t, r, url, d)
		runTasks(t, r.Tasks())
		if got := rosterRows(t, r, url); got != want {
			t.Errorf("after %v there are %s, want %s", d, got, want)
		}
	}
	used := applyOps(t, r, showing("ann", "1"))
	text := "v"
	if err := r.Note(t.Context(), "noted", map[string]*string{"k": &text}); err != nil {
		t.Fatal(err)
	}
	after(time.Hour, "1 1 1 0 1") // what is used, and what is noted
	if n := wantMembers(t, r, "r", "ann=1"); n.Epoch != used.Epoch {
		t.Errorf("epoch %s became %s", used.Epoch, n.Epoch)
	}
	applyOps(t, r, roster.Op{Key: "ann"})
	after(time.Minute, "1 0 1 0 1") // a late call can still come
	after(2*time.Minute, "1 0 0 0 1")
	for range 3 { // somebody asks for it
		after(6*time.Minute, "1 0 0 0 1")
		if s, err := r.Check(t.Context(), "r"); err != nil || s.Epoch != used.Epoch || s.Version != 2 {
			t.Errorf("%+v, %v", s, err)
		}
	}
	after(11*time.Minute, "0 0 0 0 1")
	if a := applyOps(t, r, showing("ann", "1")); a.Epoch == used.Epoch || a.Version != 1 {
		t.Errorf("%+v follows %+v", a, used)
	}

	// The dead stay so for more than ten minutes, whatever else is forgotten.
	if err := r.Bury(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	after(11*time.Minute, "0 0 0 1 1")
	if _, err := r.Apply(t.Context(), "r", "x", []roster.Op{showing("ann", "1")}, 0); !errors.Is(err, roster.ErrBuried) {
		t.Errorf("after eleven minutes: %v", err)
	}
	after(10*time.Minute, "0 0 0 0 1")

	// What is closed is closed for its time.
	if err := errors.Join(r.Close(t.Context(), "noted", time.Hour), r.Close(t.Context(), "long", 1<<63-1), r.Close(t.Context(), "short", -1)); err != nil {
		t.Fatal(err)
	}
	after(40*time.Minute, "2 0 0 0 0")
	if s, err := r.Check(t.Context(), "noted"); err != nil || !s.Closed {
		t.Errorf("%+v, %v", s, err)
	}
	after(30*time.Minute, "1 0 0 0 0")
	if s, err := r.Check(t.Context(), "long"); err != nil || !s.Closed {
		t.Errorf("%+v, %v", s, err)
	}
}

// Calls that change nothing leave little, and that goes.
func TestRosterRowsOfNothing(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	_, load := r.Load(t.Context(), "r")
	_, check := r.Check(t.Context(), "r")
	_, notes := r.Notes(t.Context(), "r")
	if err := errors.Join(load, check, notes, r.Reopen(t.Context(), "r"), r.Bury(t.Context(), "nobody", "r")); err != nil {
		t.Fatal(err)
	}
	if got := rosterRows(t, r, url); got != "0 0 0 1 0" {
		t.Errorf("reading made rows: %s", got)
	}
	applyOps(t, r, roster.Op{Key: "ann"})
	applyOps(t, r, showing("ann", "1"))
	if a, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("bob", "1")}, 1); err != nil || len(a.Refused) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	applyOps(t, r, roster.Op{Key: "ann"})
	pass(t, r, url, time.Hour)
	runTasks(t, r.Tasks())
	if got := rosterRows(t, r, url); got != "0 0 0 0 0" {
		t.Errorf("there are still %s", got)
	}
}

// Rounds are bounded, and the next goes on where one ended.
func TestRosterTasksInRounds(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	const rows = rosterPage*rosterPages + 500
	pgtest.Exec(t, url, r.db.SQL(`insert into {schema}.rosters (name, id, used_at) select int4send(i), i, now() - interval '1 hour' from generate_series(1, $1::int) i`), rows)
	pgtest.Exec(t, url, r.db.SQL(`insert into {schema}.roster_lives select int4send(i % 7), int4send(i), i, 0, 1, 1, now() - interval '1 hour' from generate_series(1, $1::int) i`), rows)
	pgtest.Exec(t, url, r.db.SQL(`insert into {schema}.roster_members select -1 - i % 3, int4send(i), 'x', 1, 'v' from generate_series(1, $1::int) i`), rows)
	runTasks(t, r.Tasks())
	left := rosterRows(t, r, url)
	if left != "500 500 500 0 0" {
		t.Errorf("after a round there are %s", left)
	}
	for range 2 {
		runTasks(t, r.Tasks())
	}
	if left = rosterRows(t, r, url); left != "0 0 0 0 0" {
		t.Errorf("in the end there are %s", left)
	}
}

var hits = regexp.MustCompile(`shared hit=(\d+)`)

// touched is how many blocks a call reads.
func touched(t *testing.T, r *Rosters, life string, op roster.Op) (blocks int) {
	t.Helper()
	args := []any{r.channel, []byte("r"), []byte(life), [][]byte{[]byte(op.Key)}, [][]byte{op.Value}, 100_000, randomID(), r.mark(life), r.writer, r.number.Add(1)}
	var lines []string
	err := r.db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, "explain (analyze, buffers) "+r.sql.apply, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			lines = append(lines, line)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	m := hits.FindStringSubmatch(strings.Join(lines, "\n"))
	if m == nil {
		t.Fatalf("no figure in %q", lines)
	}
	blocks, _ = strconv.Atoi(m[1])
	return blocks
}

// PRE-34: what a join and a leave cost does not depend on who else is there, nor does a check; also where plans were made,
// and tables looked at, when there was next to nothing.
func TestRosterPRE34Cost(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	r := NewRosters(pgtest.Open(t, url, pgdb.Config{MaxConns: 1, Timeout: 20 * time.Second}))
	pgtest.Exec(t, url, r.db.SQL(`analyze {schema}.rosters, {schema}.roster_members, {schema}.roster_lives`))
	costs := make(map[string]int)
	for _, others := range []int{10, 5000} {
		populate(t, r, "r", others)
		for life := range others / 100 { // and many nodes
			if _, err := r.Apply(t.Context(), "r", fmt.Sprint("node", life), []roster.Op{showing("all", "1")}, 0); err != nil {
				t.Fatal(err)
			}
		}
		touched(t, r, "first", showing("first", "1")) // plans are made
		touched(t, r, "first", roster.Op{Key: "first"})
		for what, op := range map[string]roster.Op{"join": showing("ann", "1"), "leave": {Key: "ann"}} {
			if what == "leave" {
				applyOps(t, r, showing("ann", "1"))
			}
			cost := touched(t, r, "x", op)
			if before, known := costs[what]; known && cost > before+60 {
				t.Errorf("a %s among %d reads %d blocks, among 10 it was %d", what, others, cost, before)
			}
			costs[what] = cost
			t.Logf("a %s among %d reads %d blocks", what, others, cost)
		}
	}
}

// What is unlogged waits for no disk: the log is synced some times a second, not with each commit.
func TestRosterCommitsWaitForNoDisk(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := NewRosters(db)
	pgtest.Exec(t, url, `select pg_stat_reset_shared('wal')`)
	began := time.Now()
	const calls = 600
	for i := range calls {
		applyOps(t, r, showing(fmt.Sprint("k", i%7), strconv.Itoa(i)))
	}
	seconds := time.Since(began).Seconds() + 1
	if err := db.Close(); err != nil { // its process tells what it did at its end
		t.Fatal(err)
	}
	pgtest.Eventually(t, 10*time.Second, "the server has counted", func() error {
		if ask[int](t, url, `select wal_records from pg_stat_wal`) < calls {
			return errors.New("not yet")
		}
		return nil
	})
	if n := ask[int](t, url, `select wal_sync from pg_stat_wal`); float64(n) > 20*seconds {
		t.Errorf("%d commits synced the log %d times", calls, n)
	}
}
