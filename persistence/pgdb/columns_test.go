package pgdb_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

var update = flag.Bool("update", false, "write columns.txt")

// TestColumns compares columns.txt with what the steps make.
func TestColumns(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Migrate(t.Context())
	if _, drifted := errors.AsType[*pgdb.DriftError](err); err != nil && !drifted {
		t.Fatal(err)
	}
	var lines []string
	err = db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, `select (c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)) collate "C"
			from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
			where n.nspname = 'troupe' and c.relkind in ('r', 'p') and c.relname <> 'migrations' and a.attnum > 0 and not a.attisdropped order by 1`)
		if err == nil {
			lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile("columns.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("columns.txt"); err != nil || string(got) != want {
		t.Errorf("columns.txt is not what the steps make (%v); write it with: go test -run TestColumns -update ./persistence/pgdb\nhave\n%s\nwant\n%s", err, got, want)
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	for i, m := range pgdb.Migrations() {
		if m.Version != i+1 || m.Name == "" || len(m.Checksum) != 64 || !strings.Contains(m.SQL, "{schema}") || !m.Applied.IsZero() {
			t.Errorf("step %d: %+v", i+1, m)
		}
		for n, line := range strings.Split(m.SQL, "\n") {
			if lower := strings.ToLower(line); strings.Contains(lower, "create table ") && !strings.Contains(lower, "create table {schema}.") {
				t.Errorf("%s: line %d: a table is not in {schema}: %s", m.Name, n+1, line)
			}
		}
	}
}
