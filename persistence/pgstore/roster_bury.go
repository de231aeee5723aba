package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

const (
	// rosterBatch bounds the members that a statement of Bury drops, and rosterBytes about the values that come back.
	rosterBatch, rosterBytes = 500, 4 << 20

	// buriesBeside is how many rosters Bury works on at a time, each with a connection.
	buriesBeside = 3

	// burialPage is how many rosters of a life are read at a time.
	burialPage = 256
)

// mark is the key of the lock under which a life is marked dead. Who is to be seen on a roster
// for the first time takes it too.
func (r *Rosters) mark(life string) int64 { return r.db.LockKey("roster life " + life) }

// Bury implements roster.Store. It drops some hundred members in a step, so that others are
// served between. A roster on which that fails does not keep it from the others.
func (r *Rosters) Bury(ctx context.Context, life string, also ...string) error {
	if err := r.exec(ctx, "bury", r.sql.end, []byte(life), r.mark(life)); err != nil {
		return err
	}
	names := make([][]byte, len(also))
	for i, name := range also {
		names[i] = []byte(name)
	}
	failed := r.buryAll(ctx, life, names)
	for after := []byte{}; failed == nil || pgdb.Answered(failed); {
		page, err := r.on(ctx, life, after)
		if err != nil {
			return errors.Join(failed, err)
		}
		if err := r.buryAll(ctx, life, page); err != nil {
			failed = err
		}
		if len(page) < burialPage {
			break
		}
		after = page[len(page)-1]
	}
	return failed
}

// on is a page of the rosters that a life is on, with names after one.
func (r *Rosters) on(ctx context.Context, life string, after []byte) (names [][]byte, err error) {
	err = r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, r.sql.on, []byte(life), after, burialPage)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pgstore: bury: %w", err)
	}
	return names, nil
}

// buryAll buries a life on rosters. The error is the first of them.
func (r *Rosters) buryAll(ctx context.Context, life string, names [][]byte) error {
	var group errgroup.Group
	group.SetLimit(buriesBeside)
	for _, name := range names {
		group.Go(func() error { return r.buryOn(ctx, life, name) })
	}
	return group.Wait()
}

func (r *Rosters) buryOn(ctx context.Context, life string, name []byte) error {
	for after := []byte{}; after != nil; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("pgstore: bury: %w", err)
		}
		args := []any{r.channel, name, []byte(life), after, rosterBatch, rosterBytes}
		if err := r.row(ctx, "bury", r.sql.bury, args, &after); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement whose answer says nothing.
func (r *Rosters) exec(ctx context.Context, what, sql string, args ...any) error {
	err := r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("pgstore: %s: %w", what, err)
	}
	return nil
}
