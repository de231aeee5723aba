package pgstore

import (
	"context"
	"sync"
)

// lines have the calls of one life on one roster go one after the other. Postgres would have them wait anyway, each with
// a connection in its hand; and their numbers arrive in order. The zero value is ready.
type lines struct {
	mu    sync.Mutex
	lines map[lineKey]*line
}

type lineKey struct{ name, life string }

type line struct {
	turn  chan struct{} // holds one
	users int           // who has the turn or waits for it
}

// enter waits for the turn. The result ends it.
func (all *lines) enter(ctx context.Context, name, life string) (leave func(), err error) {
	key := lineKey{name, life}
	all.mu.Lock()
	l := all.lines[key]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		if all.lines == nil {
			all.lines = make(map[lineKey]*line)
		}
		all.lines[key] = l
	}
	l.users++
	all.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; all.leave(key, l) }, nil
	case <-ctx.Done():
		all.leave(key, l)
		return nil, ctx.Err()
	}
}

func (all *lines) leave(key lineKey, l *line) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(all.lines, key)
	}
}
