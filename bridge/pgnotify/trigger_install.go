package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// installLimit bounds how long writers of the table are waited for; those that come after wait too.
const installLimit = 10 * time.Second

func install(ctx context.Context, db *pgdb.DB, o TriggerOptions) (string, error) {
	if o.Schema == "" {
		o.Schema = db.Schema()
	}
	full := o.withDefaults()
	if err := full.validate(); err != nil {
		return "", err
	}
	sql := ""
	err := db.Long(ctx, installLimit, func(ctx context.Context, q pgdb.Querier) error {
		found, err := look(ctx, q, full)
		if err != nil {
			return err
		}
		if len(o.Key) == 0 && len(found.key) > 0 {
			full.Key = found.key
		}
		if err := found.faults(full); err != nil {
			return err
		}
		sql = full.install()
		_, err = q.Exec(ctx, sql)
		return err
	})
	if _, ours := errors.AsType[*ConfigError](err); ours {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("pgnotify: install trigger: %w", err)
	}
	return sql, nil
}

func remove(ctx context.Context, db *pgdb.DB, o TriggerOptions) (string, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return "", err
	}
	sql := o.remove()
	err := db.Long(ctx, installLimit, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, sql)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("pgnotify: remove trigger: %w", err)
	}
	return sql, nil
}

// found is what the catalog has of a table.
type found struct {
	kind         string // pg_class.relkind, "" if there is none
	columns, key []string
	outbox       bool // troupe_publish is there
}

const lookSQL = `select c.relkind::text,
	coalesce((select array_agg(a.attname::text) from pg_attribute a
		where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}'),
	coalesce((select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) from pg_index i
		join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
		where i.indrelid = c.oid and i.indisprimary), '{}'),
	exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		where n.nspname = $3 and p.proname = 'troupe_publish')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2`

func look(ctx context.Context, q pgdb.Querier, o TriggerOptions) (found, error) {
	schema, table := o.table()
	rows, err := q.Query(ctx, lookSQL, schema, table, o.Schema)
	if err != nil {
		return found{}, err
	}
	defer rows.Close()
	var f found
	for rows.Next() {
		if err := rows.Scan(&f.kind, &f.columns, &f.key, &f.outbox); err != nil {
			return found{}, err
		}
	}
	return f, rows.Err()
}

// faults are what stands between the options and the table.
func (f found) faults(o TriggerOptions) error {
	switch f.kind {
	case "":
		return &ConfigError{"table", "there is no " + o.Table + " (the name is as the catalog has it: mostly lower case)"}
	case "r", "p":
	default:
		return &ConfigError{"table", o.Table + " is no table: a view or a foreign table has no triggers for rows"}
	}
	var faults []error
	for _, c := range o.needed(slices.Clone(o.Columns)) {
		if !slices.Contains(f.columns, c) {
			faults = append(faults, &ConfigError{"columns", o.Table + " has no column " + c})
		}
	}
	if o.Via == ViaOutbox && !f.outbox {
		faults = append(faults, &ConfigError{"via", "there is no " + o.Schema + ".troupe_publish: apply the schema first (node pg migrate)"})
	}
	return errors.Join(faults...)
}
