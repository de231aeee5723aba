package pgdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx calls f in a transaction, which is committed if f returns nil. If it failed because of other
// transactions beside it (a deadlock) it runs again, twice at most.
func (db *DB) Tx(ctx context.Context, f func(ctx context.Context, q Querier) error) error {
	return db.do(ctx, db.timeout, func(ctx context.Context) error { return db.tx(ctx, f) })
}

// Long is Tx for work that may take longer than others: Config.Timeout does not bound it, limit does.
func (db *DB) Long(ctx context.Context, limit time.Duration, f func(ctx context.Context, q Querier) error) error {
	ms := max(1, limit.Milliseconds())
	patience := fmt.Sprintf("set local statement_timeout = %d; set local lock_timeout = %[1]d; set local idle_in_transaction_session_timeout = %[1]d", ms)
	return db.do(ctx, limit, func(ctx context.Context) error {
		return db.tx(ctx, func(ctx context.Context, q Querier) error {
			if _, err := q.Exec(ctx, patience); err != nil {
				return err
			}
			return f(ctx, q)
		})
	})
}

const maxTries = 3

func (db *DB) tx(ctx context.Context, f func(ctx context.Context, q Querier) error) error {
	for try := 1; ; try++ {
		err := db.with(ctx, func(conn *pgxpool.Conn) error { return transact(ctx, conn, f) })
		if err == nil || try == maxTries || !again(err) {
			return err
		}
		db.metrics.retries.Inc()
		pause(ctx, rand.N(time.Duration(try)*20*time.Millisecond)) // those that met had better not meet again
	}
}

func transact(ctx context.Context, conn *pgxpool.Conn, f func(ctx context.Context, q Querier) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		_ = tx.Rollback(ctx) // if that fails too, the pool does not take the connection back
		return err
	}
	return tx.Commit(ctx)
}

// errLost marks an error after which the connection was gone.
var errLost = errors.New("connection lost")

// with calls f with a connection of the pool. After a failure it looks what that means for the others.
func (db *DB) with(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	conn, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // also after a panic
	if err = f(conn); err == nil {
		return nil
	}
	why := reason(err)
	if why == "" && conn.Conn().IsClosed() && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errLost, err)
		why = "lost"
	}
	switch {
	case why == "readonly" && db.hosts > 1:
		db.pool.Reset() // what was the master is one no more: look for the one that is
	case why != "" && ctx.Err() != context.Canceled:
		db.lost.Store(time.Now().UnixNano())
	}
	return err
}

// acquire waits for a connection. The pool gives up after some that were dead; nothing was asked on them, and so it may try again.
func (db *DB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for try := 1; ; try++ {
		conn, err := db.pool.Acquire(ctx)
		_, connecting := errors.AsType[*pgconn.ConnectError](err)
		switch {
		case err == nil || connecting || ctx.Err() != nil:
			return conn, err
		case db.closed.Load():
			return nil, ErrClosed
		case try == maxTries:
			return nil, fmt.Errorf("%w: %w", errLost, err)
		}
	}
}
