package memstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// Apply implements roster.Store. It keeps the slices of the ops.
func (r *Rosters) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	puts, err := checkOps(life, ops)
	if err != nil {
		return roster.Applied{}, err
	}
	var a roster.Applied
	failed := r.change(ctx, "apply", name, func(l *list) []byte {
		if !r.lives.enter(life, name, puts && l.closed == 0) {
			err = roster.ErrBuried
		} else if l.closed == 0 {
			a = l.apply(life, ops, limit)
		} else if puts {
			err = roster.ErrClosed
		}
		if len(l.shows[life]) == 0 {
			r.lives.leave(life, name)
		}
		return r.frame(l, a.Changes)
	})
	if failed != nil {
		return roster.Applied{}, failed
	}
	return a, err
}

// frame is the one for the changes of the present version, nil if nobody is to be told.
func (r *Rosters) frame(l *list, changes []roster.Change) []byte {
	if r.relay == nil || len(changes) == 0 {
		return nil
	}
	return roster.AppendChange(nil, l.epoch, l.version, changes)
}

// Load implements roster.Store. The values are shared.
func (r *Rosters) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	var s roster.Snapshot
	err := r.look(ctx, "load", name, func(l *list) {
		s = roster.Snapshot{Epoch: l.epoch, Version: l.version, Closed: l.closed > 0}
		s.Members = make(map[string][]byte, len(l.members))
		for key, all := range l.members {
			s.Members[key] = all[len(all)-1].value
		}
	})
	return s, err
}

// Check implements roster.Store.
func (r *Rosters) Check(ctx context.Context, name string) (roster.Standing, error) {
	var s roster.Standing
	err := r.look(ctx, "check", name, func(l *list) {
		s = roster.Standing{Epoch: l.epoch, Version: l.version, Closed: l.closed > 0}
		s.Lives = make(map[string]int, len(l.shows))
		for life, keys := range l.shows {
			s.Lives[life] = len(keys)
		}
	})
	return s, err
}

// Bury implements roster.Store. Others are served between every few hundred members.
func (r *Rosters) Bury(ctx context.Context, life string, also ...string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: bury: %w", err)
	}
	for _, name := range r.lives.bury(life, also, r.now()) {
		for all := false; !all; {
			err := r.change(ctx, "bury", name, func(l *list) []byte {
				var changes []roster.Change
				if changes, all = l.bury(life, rosterBatch); all {
					r.lives.leave(life, name)
				}
				return r.frame(l, changes)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Close implements roster.Closer. What was noted is gone at once.
func (r *Rosters) Close(ctx context.Context, name string, keep time.Duration) error {
	return r.change(ctx, "close", name, func(l *list) []byte {
		for life := range l.shows {
			r.lives.leave(life, name)
		}
		now := r.now()
		l.close(now + min(max(keep, 1), math.MaxInt64-now))
		return roster.AppendClosed(nil, l.over)
	})
}

// Reopen implements roster.Closer.
func (r *Rosters) Reopen(ctx context.Context, name string) error {
	return r.change(ctx, "reopen", name, func(l *list) []byte {
		if l.closed > 0 {
			*l = list{name: l.name, used: l.used, resting: l.resting}
		}
		return nil
	})
}

// Notes implements roster.Notebook.
func (r *Rosters) Notes(ctx context.Context, name string) (map[string]string, error) {
	notes := map[string]string{}
	err := r.look(ctx, "notes", name, func(l *list) { maps.Copy(notes, l.notes) })
	if err != nil {
		return nil, err
	}
	return notes, nil
}

// Note implements roster.Notebook.
func (r *Rosters) Note(ctx context.Context, name string, set map[string]*string) error {
	var closed error
	err := r.change(ctx, "note", name, func(l *list) []byte {
		if l.closed > 0 {
			closed = roster.ErrClosed
			return nil
		}
		for key, text := range set {
			if text == nil {
				delete(l.notes, key)
				continue
			}
			if l.notes == nil {
				l.notes = make(map[string]string)
			}
			l.notes[strings.Clone(key)] = strings.Clone(*text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return closed
}

var errOps = errors.New("memstore: apply: not what the port allows")

// checkOps holds callers to what roster.Store asks of them, and tells whether there is a put.
func checkOps(life string, ops []roster.Op) (puts bool, err error) {
	if life == "" || strings.ContainsAny(life, " \n") {
		return false, fmt.Errorf("%w: a life is not empty and has no space", errOps)
	}
	if len(ops) > roster.MaxOps {
		return false, fmt.Errorf("%w: %d ops", errOps, len(ops))
	}
	seen := make(map[string]struct{}, len(ops))
	for _, op := range ops {
		seen[op.Key] = struct{}{}
		puts = puts || op.Value != nil
		if op.Key == "" || len(op.Key) > roster.MaxKey {
			return false, fmt.Errorf("%w: a key of %d bytes", errOps, len(op.Key))
		}
		if op.Value != nil && (len(op.Value) == 0 || len(op.Value) > roster.MaxValue) {
			return false, fmt.Errorf("%w: a value of %d bytes", errOps, len(op.Value))
		}
	}
	if len(seen) < len(ops) {
		return false, fmt.Errorf("%w: a key twice", errOps)
	}
	return puts, nil
}
