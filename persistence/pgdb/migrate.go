package pgdb

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/*.sql
var migrationFiles embed.FS

// A Migration is a step of the schema. Steps are only ever added.
type Migration struct {
	Version  int
	Name     string // of its file, without number and ending
	SQL      string // with {schema} in place of the schema's name
	Checksum string // of SQL

	Applied time.Time // zero: it is not, or this is not known
}

// Migrations are the steps that this program knows, in order, as files of sql/.
func Migrations() []Migration {
	files, err := fs.Glob(migrationFiles, "sql/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	all := make([]Migration, len(files))
	for i, file := range files {
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			panic(err) // it is in the program
		}
		number, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(file, "sql/"), ".sql"), "_")
		version, _ := strconv.Atoi(number)
		sum := sha256.Sum256(text)
		all[i] = Migration{Version: version, Name: name, SQL: string(text), Checksum: hex.EncodeToString(sum[:])}
	}
	return all
}

var (
	// ErrNotMigrated: steps of the schema are missing.
	ErrNotMigrated = errors.New("pgdb: the schema is not up to date")

	// ErrNewer: the schema has steps that this program does not know.
	ErrNewer = errors.New("pgdb: the schema is newer than this program")
)

// A DriftError says that the schema is not what its steps made of it.
type DriftError struct {
	Schema string
	What   string // such as "column topics.seq is missing"
}

func (e *DriftError) Error() string {
	return fmt.Sprintf("pgdb: schema %s has drifted: %s", e.Schema, e.What)
}

// MigrateTimeout bounds how long Migrate waits for others that migrate, and works.
const MigrateTimeout = time.Minute

// Migrate brings the schema up to date and returns the steps that it applied: all or none. Any number
// of programs may call it at once. Where nothing is to be done it changes nothing, and needs no right to. It fails with
// a *DriftError, an error that wraps ErrNewer, or the database's.
func (db *DB) Migrate(ctx context.Context) ([]Migration, error) {
	err := db.Check(ctx)
	if err == nil || !errors.Is(err, ErrNotMigrated) {
		return nil, err
	}
	var did []Migration
	err = db.Long(ctx, MigrateTimeout, func(ctx context.Context, q Querier) error {
		did = nil
		if _, err := q.Exec(ctx, "select pg_advisory_xact_lock($1)", db.LockKey("migrate")); err != nil {
			return err
		}
		if err := db.prepare(ctx, q); err != nil {
			return err
		}
		done, err := db.applied(ctx, q)
		if err != nil {
			return err
		}
		did, err = db.apply(ctx, q, done)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pgdb: migrate: %w", explain(err, db.plain))
	}
	for _, m := range did {
		db.logger.Info("schema migrated", "schema", db.plain, "version", m.Version, "name", m.Name)
	}
	return did, db.Check(ctx)
}

// prepare makes the schema and the list of its steps. "if not exists" would need the right to create
// also where both exist; nobody else makes them meanwhile.
func (db *DB) prepare(ctx context.Context, q Querier) error {
	there, err := db.exists(ctx, q)
	if err != nil || there {
		return err
	}
	var made bool
	if err := q.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1)`, db.plain).Scan(&made); err != nil {
		return err
	}
	if !made {
		if _, err := q.Exec(ctx, db.SQL(`create schema {schema}`)); err != nil {
			return err
		}
	}
	_, err = q.Exec(ctx, db.SQL(`create table {schema}.migrations (version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())`))
	return err
}

// exists reports whether the list of steps is there. It reads the catalog as a table: to_regclass may answer from a cache that is
// older than the lock of Migrate.
func (db *DB) exists(ctx context.Context, q Querier) (there bool, err error) {
	err = q.QueryRow(ctx, `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'migrations')`, db.plain).Scan(&there)
	return there, err
}

// applied are the steps in the database.
func (db *DB) applied(ctx context.Context, q Querier) (map[int]Migration, error) {
	rows, err := q.Query(ctx, db.SQL(`select version, name, checksum, applied_at from {schema}.migrations`))
	if err != nil {
		return nil, err
	}
	done := map[int]Migration{}
	var m Migration
	_, err = pgx.ForEachRow(rows, []any{&m.Version, &m.Name, &m.Checksum, &m.Applied}, func() error {
		done[m.Version] = m
		return nil
	})
	return done, err
}

func (db *DB) apply(ctx context.Context, q Querier, done map[int]Migration) ([]Migration, error) {
	if err := db.compare(done); err != nil {
		return nil, err
	}
	var did []Migration
	for _, m := range Migrations() {
		if _, ok := done[m.Version]; ok {
			continue
		}
		if _, err := q.Exec(ctx, db.SQL(m.SQL)); err != nil {
			return nil, fmt.Errorf("step %d (%s): %w", m.Version, m.Name, err)
		}
		if _, err := q.Exec(ctx, db.SQL(`insert into {schema}.migrations (version, name, checksum) values ($1, $2, $3)`), m.Version, m.Name, m.Checksum); err != nil {
			return nil, err
		}
		did = append(did, m)
	}
	return did, nil
}

// compare looks whether what is in the database is of this program.
func (db *DB) compare(done map[int]Migration) error {
	known := map[int]bool{}
	for _, m := range Migrations() {
		known[m.Version] = true
		if d, ok := done[m.Version]; ok && d.Checksum != m.Checksum {
			return &DriftError{db.plain, fmt.Sprintf("step %d (%s) was applied with another text", m.Version, d.Name)}
		}
	}
	for version, m := range done {
		if !known[version] {
			return fmt.Errorf("%w: it has step %d (%s); run a program that is at least as new", ErrNewer, version, m.Name)
		}
	}
	return nil
}

// Status returns all steps, with when they were applied.
func (db *DB) Status(ctx context.Context) ([]Migration, error) {
	all := Migrations()
	err := db.Run(ctx, func(ctx context.Context, q Querier) error {
		there, err := db.exists(ctx, q)
		if err != nil || !there {
			return err
		}
		done, err := db.applied(ctx, q)
		for i := range all {
			all[i].Applied = done[all[i].Version].Applied
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pgdb: status: %w", explain(err, db.plain))
	}
	return all, nil
}

// Check looks whether the schema is up to date and has all that its steps made. It fails with
// an error that wraps ErrNotMigrated or ErrNewer, a *DriftError, or the database's.
func (db *DB) Check(ctx context.Context) error {
	err := db.Run(ctx, func(ctx context.Context, q Querier) error {
		there, err := db.exists(ctx, q)
		if err != nil {
			return err
		}
		if !there {
			return ErrNotMigrated
		}
		done, err := db.applied(ctx, q)
		if err != nil {
			return err
		}
		if err := db.compare(done); err != nil {
			return err
		}
		for _, m := range Migrations() {
			if _, ok := done[m.Version]; !ok {
				return fmt.Errorf("%w: step %d (%s) is missing", ErrNotMigrated, m.Version, m.Name)
			}
		}
		return db.drift(ctx, q)
	})
	if err != nil {
		return fmt.Errorf("pgdb: schema: %w", explain(err, db.plain))
	}
	return nil
}

// explain adds what to do.
func explain(err error, schema string) error {
	if Code(err) == "42501" { // insufficient privilege
		return fmt.Errorf("%w; let a user who may create in the database run: node pg migrate, and then: grant usage on schema %s, and all on its tables, sequences and functions, to this user", err, schema)
	}
	return err
}
