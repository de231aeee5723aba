package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// open opens a database without touching its schema.
func open(t *testing.T, url string, cfg pgdb.Config) *pgdb.DB {
	t.Helper()
	cfg.URL = url
	var db *pgdb.DB
	pgtest.Eventually(t, soon, "it opens", func() (err error) { // the machine may be busy, and the timeout short
		if db, err = pgdb.Open(t.Context(), cfg); err != nil && !errors.Is(err, pgdb.ErrTimeout) {
			t.Fatal(err)
		}
		return err
	})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// one asks for a value.
func one[T any](t *testing.T, db *pgdb.DB, sql string, args ...any) (v T) {
	t.Helper()
	if err := db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error { return q.QueryRow(ctx, db.SQL(sql), args...).Scan(&v) }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func run(ctx context.Context, db *pgdb.DB, sql string, args ...any) error {
	return db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, db.SQL(sql), args...)
		return err
	})
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	t.Run("PGR-01 ten programs on an empty database", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Shared(t).Database(t)
		var dbs [10]*pgdb.DB
		for i := range dbs {
			dbs[i] = open(t, url, pgdb.Config{MaxConns: 2})
		}
		var did [10][]pgdb.Migration
		var wg sync.WaitGroup
		for i, db := range dbs {
			wg.Go(func() {
				var err error
				if did[i], err = db.Migrate(t.Context()); err != nil {
					t.Errorf("program %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		steps := 0
		for _, d := range did {
			steps += len(d)
		}
		if want := len(pgdb.Migrations()); steps != want {
			t.Errorf("%d steps were applied, want each once: %d", steps, want)
		}
		if n := one[int](t, dbs[0], "select count(*) from {schema}.migrations"); n != len(pgdb.Migrations()) {
			t.Errorf("%d steps are listed", n)
		}
		all, err := dbs[0].Status(t.Context())
		for _, m := range all {
			if m.Applied.IsZero() {
				t.Errorf("step %s has no time", m.Name)
			}
		}
		if err != nil || len(all) != len(pgdb.Migrations()) {
			t.Errorf("status %v, %v", all, err)
		}
	})
	t.Run("two schemas in a database", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Shared(t).Database(t)
		a, b := pgtest.Open(t, url, pgdb.Config{Schema: "a"}), pgtest.Open(t, url, pgdb.Config{Schema: "b"})
		if a.Schema() != "a" || a.SQL("{schema}.x") != `"a".x` || a.LockKey("k") == b.LockKey("k") || a.LockKey("k") == a.LockKey("l") {
			t.Error("the schemas are not apart")
		}
	})
}

func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	all, err := db.Status(t.Context())
	if err != nil || len(all) != len(pgdb.Migrations()) || !all[0].Applied.IsZero() {
		t.Errorf("%v, %v", all, err)
	}
	if err := db.Check(t.Context()); !errors.Is(err, pgdb.ErrNotMigrated) {
		t.Errorf("check: %v", err)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	table, column, typ := columnOf(t)
	for name, c := range map[string]struct {
		change string
		want   string
		is     error
	}{
		"PGR-07 column missing": {`alter table {schema}.` + table + ` drop column ` + column + ` cascade`, "column " + table + "." + column + " is missing", nil},
		"table missing":         {`drop table {schema}.` + table + ` cascade`, "column " + table + ".", nil},
		"type changed":          {`alter table {schema}.` + table + ` drop column ` + column + ` cascade; alter table {schema}.` + table + ` add ` + column + ` bytea`, " is bytea, not " + typ, nil},
		"text changed":          {`update {schema}.migrations set checksum = 'x' where version = 1`, "step 1 (", nil},
		"newer":                 {`insert into {schema}.migrations (version, name, checksum) values (99, 'later', 'x')`, "step 99 (later)", pgdb.ErrNewer},
		"nothing":               {`create table {schema}.others (x int); alter table {schema}.` + table + ` add of_others int`, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
			if err := run(t.Context(), db, c.change); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"check": db.Check(t.Context()), "migrate": second(db.Migrate(t.Context()))} {
				if c.want == "" {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				_, drifted := errors.AsType[*pgdb.DriftError](err)
				if !strings.Contains(fmt.Sprint(err), c.want) || drifted != (c.is == nil) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%s: %v, want %q", what, err, c.want)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// columnOf is a column that the steps make.
func columnOf(t *testing.T) (table, column, typ string) {
	t.Helper()
	db := pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	name := one[string](t, db, `select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = '{schema}'::regnamespace and c.relkind = 'r' and c.relname <> 'migrations'
		and a.attnum > 0 and format_type(a.atttypid, a.atttypmod) <> 'bytea' order by 1 limit 1`)
	name, typ, _ = strings.Cut(name, " ")
	table, column, _ = strings.Cut(name, ".")
	return table, column, typ
}

func TestFailingStepLeavesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	table, _, _ := columnOf(t)
	pgtest.Exec(t, url, "create schema troupe; create table troupe."+table+" (mine int)")
	db := open(t, url, pgdb.Config{})
	if _, err := db.Migrate(t.Context()); !strings.Contains(fmt.Sprint(err), "step ") || pgdb.Code(err) != "42P07" {
		t.Fatalf("migrate: %v", err)
	}
	if n := one[int](t, db, `select count(*) from pg_class where relnamespace = '{schema}'::regnamespace and relkind = 'r'`); n != 1 {
		t.Errorf("%d tables were left", n)
	}
	pgtest.Exec(t, url, "drop table troupe."+table)
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Errorf("after what was in the way is gone: %v", err)
	}
}

func TestPrivileges(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	s.Exec(t, "create role app login password 'p'")
	as := strings.Replace(url, "postgres:"+pgtest.Password, "app:p", 1)
	app := open(t, as, pgdb.Config{})
	const advice = "grant usage on schema troupe"
	if _, err := app.Migrate(t.Context()); pgdb.Code(err) != "42501" || !strings.Contains(err.Error(), advice) {
		t.Errorf("on an empty database: %v", err)
	}
	pgtest.Open(t, url, pgdb.Config{})
	if _, err := app.Migrate(t.Context()); pgdb.Code(err) != "42501" || !strings.Contains(err.Error(), advice) {
		t.Errorf("without usage: %v", err)
	}
	pgtest.Exec(t, url, "grant usage on schema troupe to app")
	if err := app.Check(t.Context()); pgdb.Code(err) != "42501" || !strings.Contains(err.Error(), advice) {
		t.Errorf("without select: %v", err)
	}
	pgtest.Exec(t, url, "grant all on all tables in schema troupe to app")
	if did, err := app.Migrate(t.Context()); err != nil || len(did) > 0 {
		t.Errorf("up to date, without the right to create: %v, %v", did, err)
	}

	// A schema of its own, made for it, is enough.
	pgtest.Exec(t, url, "create schema own authorization app")
	own := open(t, as, pgdb.Config{Schema: "own"})
	if did, err := own.Migrate(t.Context()); err != nil || len(did) != len(pgdb.Migrations()) {
		t.Errorf("in a schema that was made for it: %v, %v", did, err)
	}
}
