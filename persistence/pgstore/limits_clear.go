package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// clearPage is how many keys one transaction of Clear forgets.
const clearPage = 1000

// Clear implements ratelimit.Store. It goes through the limit's keys in pages, and for each of them
// holds up all other calls of the limit.
func (l *Limits) Clear(ctx context.Context, p ratelimit.Policy) error {
	began := time.Now()
	return l.called(callForget, began, l.clearAll(ctx, p))
}

func (l *Limits) clearAll(ctx context.Context, p ratelimit.Policy) error {
	for last := []byte(nil); ; {
		done := false
		err := l.db.Tx(ctx, func(ctx context.Context, q pgdb.Querier) (err error) {
			last, done, err = l.clearOne(ctx, q, p, last)
			return err
		})
		if err != nil || done {
			return err
		}
	}
}

// clearOne forgets the keys of a page, and returns the last of them.
func (l *Limits) clearOne(ctx context.Context, q pgdb.Querier, p ratelimit.Policy, after []byte) (last []byte, done bool, err error) {
	b := &pgx.Batch{}
	b.Queue(l.lock, l.lockOf(p.Name))
	b.Queue(l.forget, p.Name, append([]byte{}, after...), clearPage).QueryRow(func(row pgx.Row) error { return row.Scan(&last) })
	err = q.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, true, nil
	}
	return last, false, err
}
