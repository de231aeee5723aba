package pgdb

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columns are those that the steps make, a line each: table.column type. TestColumns writes it.
//
//go:embed columns.txt
var columns string

// drift returns a *DriftError for the first column that is missing or has another type.
func (db *DB) drift(ctx context.Context, q Querier) error {
	have, err := db.columns(ctx, q)
	if err != nil {
		return err
	}
	for line := range strings.Lines(columns) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch is, ok := have[name]; {
		case !ok:
			return &DriftError{db.plain, fmt.Sprintf("column %s is missing", name)}
		case is != want:
			return &DriftError{db.plain, fmt.Sprintf("column %s is %s, not %s", name, is, want)}
		}
	}
	return nil
}

// columns are those in the database, with their types.
func (db *DB) columns(ctx context.Context, q Querier) (map[string]string, error) {
	rows, err := q.Query(ctx, `select c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
		from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`, db.plain)
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	var name, is string
	_, err = pgx.ForEachRow(rows, []any{&name, &is}, func() error { have[name] = is; return nil })
	return have, err
}
