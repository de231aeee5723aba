package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic/roster"
)

// maxKeep is the longest time for which a roster is kept closed.
const maxKeep = 100 * 365 * 24 * time.Hour

// Close implements roster.Closer. What was noted is gone at once.
func (r *Rosters) Close(ctx context.Context, name string, keep time.Duration) error {
	return r.exec(ctx, "close", r.sql.close, r.channel, []byte(name), randomID(), max(min(keep, maxKeep), time.Millisecond))
}

// Reopen implements roster.Closer.
func (r *Rosters) Reopen(ctx context.Context, name string) error {
	return r.exec(ctx, "reopen", r.sql.reopen, []byte(name))
}

// Notes implements roster.Notebook.
func (r *Rosters) Notes(ctx context.Context, name string) (map[string]string, error) {
	notes := make(map[string]string)
	err := r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, r.sql.notes, []byte(name))
		if err != nil {
			return err
		}
		var key, text []byte
		_, err = pgx.ForEachRow(rows, []any{&key, &text}, func() error { notes[string(key)] = string(text); return nil })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pgstore: notes: %w", err)
	}
	return notes, nil
}

// Note implements roster.Notebook. Notes last until the roster is closed.
func (r *Rosters) Note(ctx context.Context, name string, set map[string]*string) error {
	keys, texts := make([][]byte, 0, len(set)), make([][]byte, 0, len(set))
	for key, text := range set {
		keys = append(keys, []byte(key))
		if text == nil {
			texts = append(texts, nil)
		} else {
			texts = append(texts, []byte(*text))
		}
	}
	open := false
	err := r.row(ctx, "note", r.sql.note, []any{[]byte(name), keys, texts, randomID()}, &open)
	if err == nil && !open {
		return roster.ErrClosed
	}
	return err
}
