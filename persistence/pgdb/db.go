package pgdb

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// What Run fails with beside the server's errors, those of the connection, those of ctx, and
// breaker.ErrOpen.
var (
	// ErrClosed: the DB is closed.
	ErrClosed = errors.New("pgdb: closed")

	// ErrTimeout: no answer within Config.Timeout. It wraps context.DeadlineExceeded.
	ErrTimeout = fmt.Errorf("pgdb: no answer in time: %w", context.DeadlineExceeded)
)

// A DB is a node's connection to Postgres. Its methods are safe for concurrent use.
type DB struct {
	pool    *pgxpool.Pool
	single  *pgx.ConnConfig // for connections beside the pool
	schema  string          // quoted
	plain   string
	timeout time.Duration
	breaker *breaker.Breaker
	logger  *slog.Logger
	metrics *metrics
	hosts   int          // of the URL
	lost    atomic.Int64 // when a connection was lost last, in Unix nanoseconds
	closed  atomic.Bool
}

// A Querier is a connection or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Schema is the name of the schema.
func (db *DB) Schema() string { return db.plain }

// Timeout is Config.Timeout.
func (db *DB) Timeout() time.Duration { return db.timeout }

// SQL puts the schema, quoted, in place of {schema}. It is for statements that are
// prepared once.
func (db *DB) SQL(text string) string { return strings.ReplaceAll(text, "{schema}", db.schema) }

// LockKey is the key of an advisory lock of this schema.
func (db *DB) LockKey(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("troupe\x00" + db.plain + "\x00" + name))
	return int64(h.Sum64())
}

// Run calls f with a connection of the pool, unless the breaker refuses. Its context ends after
// Config.Timeout. Statements outside of Tx each are a transaction. An error means that the call took no
// effect, or, if it is neither an answer nor breaker.ErrOpen, that this is unknown.
func (db *DB) Run(ctx context.Context, f func(ctx context.Context, q Querier) error) error {
	return db.do(ctx, db.timeout, func(ctx context.Context) error {
		return db.with(ctx, func(conn *pgxpool.Conn) error { return f(ctx, conn) })
	})
}

func (db *DB) do(ctx context.Context, limit time.Duration, f func(ctx context.Context) error) error {
	if db.closed.Load() {
		return ErrClosed
	}
	began := time.Now()
	err := db.guard(context.WithValue(ctx, connecting{}, true), limit, f)
	if err != nil {
		err = db.judged(ctx, err)
	}
	db.metrics.called(time.Since(began), err)
	return err
}

// judged is the error of a call as its caller is to see it.
func (db *DB) judged(ctx context.Context, err error) error {
	err = concealed(err)
	if ctx.Err() == nil && reason(err) == "timeout" && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w (%w)", ErrTimeout, err)
	}
	return err
}

func (db *DB) guard(ctx context.Context, limit time.Duration, f func(ctx context.Context) error) error {
	if db.breaker != nil {
		return db.breaker.Do(ctx, limit, f)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// Refusal is a *breaker.OpenError while the breaker is broken, so that who would have to wait for a call under way
// need not. It is not a call.
func (db *DB) Refusal() error {
	if db.breaker == nil || db.breaker.State() != breaker.Broken {
		return nil
	}
	return &breaker.OpenError{Backend: db.breaker.Backend(), State: breaker.Broken, RetryAfter: db.timeout}
}

// Connect opens a connection of its own, which is the caller's to close. The role says in
// pg_stat_activity what it is for.
func (db *DB) Connect(ctx context.Context, role string) (*pgx.Conn, error) {
	if db.closed.Load() {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, connecting{}, true), db.timeout)
	defer cancel()
	cfg := db.single.Copy()
	cfg.RuntimeParams["application_name"] += " " + role
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, concealed(err)
	}
	return conn, nil
}

// Close ends the pool and returns when its connections have ended. Calls under way are waited for; they
// have deadlines.
func (db *DB) Close() error {
	if !db.closed.Swap(true) {
		db.pool.Close()
	}
	return nil
}

// Ping asks the server for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	return db.Run(ctx, func(ctx context.Context, q Querier) error {
		_, err := q.Exec(ctx, "select 1")
		return err
	})
}
