package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/topic/roster"
)

// maxKeep is the longest time for which Redis is asked to keep a roster closed.
const maxKeep = 100 * 365 * 24 * time.Hour

// Close implements roster.Closer. What was noted is gone at once.
func (r *Rosters) Close(ctx context.Context, name string, keep time.Duration) error {
	ms := max(millis(min(keep, maxKeep)), 1)
	answer, err := r.list(ctx, "close", rosterCloseScript, r.keys(name), ms, r.publish, r.names.Channel(name))
	if err != nil {
		return err
	}
	for len(answer.rest) > 0 && !answer.bad {
		life := answer.text()
		if e, ok := readEntry(answer.text()); ok {
			r.unregister(ctx, life, name, e.token)
		}
	}
	return nil
}

// Reopen implements roster.Closer.
func (r *Rosters) Reopen(ctx context.Context, name string) error {
	err := r.conn.Do(ctx, redis.NewIntCmd(ctx, "unlink", r.names.RosterKey(name, "closed")))
	if err != nil {
		return fmt.Errorf("redisstore: reopen: %w", explain(err))
	}
	return nil
}

// Notes implements roster.Notebook.
func (r *Rosters) Notes(ctx context.Context, name string) (map[string]string, error) {
	cmd := redis.NewMapStringStringCmd(ctx, "hgetall", r.names.RosterKey(name, "notes"))
	if err := r.conn.Do(ctx, cmd); err != nil {
		return nil, fmt.Errorf("redisstore: notes: %w", explain(err))
	}
	return cmd.Val(), nil
}

// Note implements roster.Notebook. Notes last until the roster is closed.
func (r *Rosters) Note(ctx context.Context, name string, set map[string]*string) error {
	texts, gone := []any{0}, []any(nil)
	for key, text := range set {
		if text == nil {
			gone = append(gone, key)
		} else {
			texts = append(texts, key, *text)
		}
	}
	texts[0] = len(texts) / 2
	keys := []string{r.names.RosterKey(name, "closed"), r.names.RosterKey(name, "notes")}
	answer, err := r.run(ctx, "note", rosterNoteScript, keys, append(texts, gone...)...)
	if err == nil && answer != int64(1) {
		return roster.ErrClosed
	}
	return err
}
