package pgdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// MinVersion is the oldest major version of Postgres that will do.
const MinVersion = 14

// A VersionError is what Open fails with when the server is too old.
type VersionError struct{ Have string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("pgdb: Postgres %d or newer is needed, and this is %s", MinVersion, e.Have)
}

// Open connects to Postgres and looks whether it will do. It does not touch the schema: see Migrate. It fails with a
// *ConfigError, a *VersionError, or what connecting failed with and what to look at.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	pool, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	hosts := settle(pool, cfg)
	db := &DB{hosts: hosts, single: pool.ConnConfig, plain: cfg.Schema, schema: pgx.Identifier{cfg.Schema}.Sanitize(), timeout: cfg.Timeout,
		breaker: cfg.Breaker, logger: cfg.Logger, metrics: newMetrics(nil)}
	pool.ShouldPing = db.dead
	if db.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), pool); err != nil {
		return nil, fmt.Errorf("pgdb: open: %w", concealed(err))
	}
	if err := db.look(ctx); err != nil {
		db.pool.Close()
		return nil, err
	}
	db.metrics = newMetrics(cfg.Registerer) // not before, so that whoever failed may try again
	db.metrics.watch(db.pool)
	return db, nil
}

// look asks what the server is.
func (db *DB) look(ctx context.Context) error {
	var s served
	err := db.Run(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'), pg_is_in_recovery()`).
			Scan(&s.number, &s.version, &s.encoding, &s.standby)
	})
	if err != nil {
		return fmt.Errorf("pgdb: open: %w; %s", err, hint(err, db.Addr()))
	}
	return s.check()
}

// served is what decides whether a server will do.
type served struct {
	number            int // such as 150004
	version, encoding string
	standby           bool
}

func (s served) check() error {
	switch {
	case s.number < MinVersion*10000:
		return &VersionError{Have: s.version}
	case s.encoding != "UTF8":
		return fmt.Errorf("pgdb: open: the database has the encoding %s, and UTF8 is needed: create it with encoding 'UTF8'", s.encoding)
	case s.standby:
		return errors.New("pgdb: open: the server is a standby, which takes no writes: give the URL of the primary, or of all of them with commas between")
	}
	return nil
}

// Addr is host:port of the first server of the URL.
func (db *DB) Addr() string {
	return net.JoinHostPort(db.single.Host, strconv.Itoa(int(db.single.Port)))
}

// concealed leaves out of an error of connecting what pgx puts there of the URL. What it wraps stays.
func concealed(err error) error {
	e, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	return &connectError{e}
}

type connectError struct{ err *pgconn.ConnectError }

func (e *connectError) Error() string {
	cause := errors.Unwrap(e.err)
	if cause == nil {
		return "no connection"
	}
	return "no connection: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
}

func (e *connectError) Unwrap() error { return e.err }
