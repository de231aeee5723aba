package doctor

import (
	"bytes"
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func examineDatabase(t *testing.T, url string) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := ExaminePostgres(ctx, PostgresOptions{URL: url, Shown: "postgres://shown", Schema: "troupe", Conns: 8, Beside: 2})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expect compares verdicts; a busy machine may be slow to answer.
func (r *Report) expect(t *testing.T, want map[string]Verdict) {
	t.Helper()
	got := r.verdicts()
	for check, v := range want {
		if got[check] != v {
			t.Errorf("%s is %s, want %s: %+v", check, got[check], v, r.Findings)
		}
	}
}

func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	r := examineDatabase(t, pgtest.Shared(t).Database(t))
	r.expect(t, map[string]Verdict{"version": OK, "durability": OK, "connections": OK, "notifications": OK,
		"schema": OK, "listen": OK, "clock": OK})
	if r.count(Fail) > 0 || r.Postgres != "postgres://shown" {
		t.Errorf("%+v", r)
	}
}

func TestMigratedDatabase(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	pgtest.Open(t, url, pgdb.Config{})
	examineDatabase(t, url).expect(t, map[string]Verdict{"schema": OK, "rights": OK, "bloat": OK, "listen": OK})
	pgtest.Exec(t, url, `alter table troupe.migrations drop column applied_at`)
	if got := examineDatabase(t, url).verdicts()["schema"]; got == OK {
		t.Error("does not see that a column is missing")
	}
}

// as makes a role of the database and returns the URL for it.
func as(t *testing.T, database, grants string) string {
	t.Helper()
	name := "ann_" + strings.ToLower(token())
	pgtest.Exec(t, database, `create role `+name+` login password 'hunter2'; `+strings.ReplaceAll(grants, "ANN", name))
	t.Cleanup(func() { pgtest.Exec(t, database, `drop owned by `+name+`; drop role `+name) })
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "hunter2")
	return u.String()
}

func TestPostgresRights(t *testing.T) {
	t.Parallel()
	const use = `grant usage on schema troupe to ANN; grant all on all tables in schema troupe to ANN; grant all on all sequences in schema troupe to ANN; grant execute on all functions in schema troupe to ANN;`
	for name, c := range map[string]struct {
		migrated bool
		grants   string
		want     map[string]Verdict
		says     string
	}{
		"nothing granted":    {false, "", map[string]Verdict{"schema": Fail}, "node pg migrate"},
		"may create":         {false, "do $$ begin execute format('grant create on database %I to ANN', current_database()); end $$", map[string]Verdict{"schema": OK}, "first node that starts"},
		"may use":            {true, use, map[string]Verdict{"schema": OK, "rights": OK, "listen": OK}, ""},
		"may not even look":  {true, "", map[string]Verdict{"rights": Fail}, "schema troupe"},
		"may only read":      {true, "grant usage on schema troupe to ANN; grant select on all tables in schema troupe to ANN", map[string]Verdict{"rights": Fail}, "grant all on all tables"},
		"may not use one":    {true, use + "revoke delete on troupe.one from ANN", map[string]Verdict{"rights": Fail}, "schema troupe: one."},
		"may not call":       {true, use + "revoke execute on all functions in schema troupe from ANN", map[string]Verdict{"rights": Fail}, "troupe_publish()"},
		"may not number one": {true, use + "revoke all on sequence troupe.two from ANN", map[string]Verdict{"rights": Fail}, "schema troupe: two."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).Database(t)
			if c.migrated {
				pgtest.Open(t, database, pgdb.Config{})
				pgtest.Exec(t, database, `create table troupe.one (a int); create sequence troupe.two`)
			}
			r := examineDatabase(t, as(t, database, c.grants))
			r.expect(t, c.want)
			if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.Contains(f.What+f.Effect+f.Fix, c.says) }) {
				t.Errorf("no %q in %+v", c.says, r.Findings)
			}
		})
	}
}

// TestBadDatabase examines a real server whose settings are wrong.
func TestBadDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, "fsync=off", "synchronous_commit=off", "max_connections=20", "wal_level=replica", "max_replication_slots=4")
	s.Exec(t, `select pg_create_physical_replication_slot('forgotten', true)`)
	examineDatabase(t, s.Database(t)).expect(t, map[string]Verdict{"durability": Fail, "connections": Warn, "replication slot": Warn, "notifications": OK})
}

func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, "synchronous_commit=off", "default_transaction_read_only=on", "max_connections=10")
	examineDatabase(t, s.URL()).expect(t, map[string]Verdict{"durability": Warn, "role": Fail, "connections": Fail})
}

func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	for name, prepare := range map[string]func(){"from the start": s.Pause, "refusing": func() { s.Resume(); s.Stop(t) }} {
		prepare()
		began := time.Now()
		_, err := ExaminePostgres(t.Context(), PostgresOptions{URL: s.URL(), Schema: "troupe", Conns: 8, Beside: 2})
		if took := time.Since(began); err == nil || took > 30*time.Second {
			t.Errorf("%s: after %s: %v", name, took, err)
		}
	}
}

func TestPostgresSecretStaysHidden(t *testing.T) {
	t.Parallel()
	database := as(t, pgtest.Shared(t).Database(t), "")
	var out bytes.Buffer
	if err := examineDatabase(t, database).WriteText(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{strings.Replace(database, "hunter2", "hunter3", 1), "postgres://ann:hunter3@127.0.0.1:1/d",
		"postgres://ann:hunter3@[/d", "postgres://ann:hunter3@nowhere.invalid/d", "hunter3", "postgres://ann@127.0.0.1:1/d?password=hunter3"} {
		_, err := ExaminePostgres(t.Context(), PostgresOptions{URL: wrong, Schema: "troupe", Conns: 8, Beside: 2})
		if err == nil {
			t.Errorf("%s is fine", wrong)
			continue
		}
		out.WriteString(err.Error() + "\n")
	}
	if strings.Contains(out.String(), "hunter") {
		t.Errorf("shows a password:\n%s", &out)
	}
}

// TestJoin shows the report on both servers, each finding below its own.
func TestJoin(t *testing.T) {
	t.Parallel()
	a := &Report{Redis: "redis://r", Verdict: OK, Findings: of(backendRedis, one("a", OK, "One.", "Two.", ""))}
	b := &Report{Postgres: "postgres://p", Verdict: Fail, Findings: of(backendPostgres, one("b", Fail, "Three.\x1b[1m", "Four.", "five"))}
	if Join(a, nil) != a || Join(nil, b) != b {
		t.Error("one alone is not itself")
	}
	var out bytes.Buffer
	both := Join(a, b)
	if err := both.WriteText(&out, false); err != nil {
		t.Fatal(err)
	}
	const want = "Redis at redis://r\n\nok       a: One. Two.\n\nPostgres at postgres://p\n\nfail     b: Three.?[1m Four.\n         > five\n\n1 ok, 0 to look at, 1 failed, 0 could not be checked\n"
	if out.String() != want || both.Verdict != Fail {
		t.Errorf("%s: got\n%s\nwant\n%s", both.Verdict, &out, want)
	}
}
