package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic/roster"
)

var (
	_ roster.Store    = (*Rosters)(nil)
	_ roster.Closer   = (*Rosters)(nil)
	_ roster.Notebook = (*Rosters)(nil)
)

const (
	// maxRosterName and maxLife are bytes; together they fit into an entry of an index.
	maxRosterName, maxLife = 1536, 512

	// maxOpsBytes bounds keys and values of one Apply, which go into one frame.
	maxOpsBytes = 18 << 20
)

// Rosters keeps in Postgres who is on which roster. It is a roster.Store, Closer and Notebook. Its
// methods are safe for concurrent use; there is nothing to close.
type Rosters struct {
	db      *pgdb.DB
	channel string
	sql     rosterSQL
	lines   lines

	// By these Postgres tells a call that was given up and comes late from the newest one.
	writer int64
	number atomic.Int64

	after rosterAfter // of the tasks
}

// rosterSQL are the statements.
type rosterSQL struct {
	apply, load, check, end, on, bury, close, reopen, notes, note string

	verify, verifyAll, forget, forgetLives, forgetMembers, forgetDead string
}

// NewRosters returns the rosters of a database and schema. They need a Janitor for their Tasks.
func NewRosters(db *pgdb.DB) *Rosters {
	return &Rosters{db: db, channel: db.FrameChannel(), writer: randomID(), after: newRosterAfter(), sql: rosterSQL{
		apply: db.SQL(`select state, epoch, version, members, letters, back from {schema}.roster_apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`),
		load:  db.SQL(`select epoch, version, closed, members, key, value from {schema}.roster_load($1)`),
		check: db.SQL(`select epoch, version, closed, lives, shows from {schema}.roster_check($1)`),

		end:  db.SQL(`select {schema}.roster_end($1, $2)`),
		on:   db.SQL(`select name from {schema}.roster_lives where life = $1 and name > $2 order by name limit $3`),
		bury: db.SQL(`select {schema}.roster_bury($1, $2, $3, $4, $5, $6)`),

		close:  db.SQL(`select {schema}.roster_close($1, $2, $3, $4)`),
		reopen: db.SQL(`select {schema}.roster_reopen($1)`),
		notes:  db.SQL(`select key, text from {schema}.roster_notes_of($1)`),
		note:   db.SQL(`select {schema}.roster_note($1, $2, $3, $4)`),

		verify:        db.SQL(`select {schema}.roster_verify($1, $2)`),
		verifyAll:     db.SQL(`select last from {schema}.roster_verify_all($1, $2, $3)`),
		forget:        db.SQL(`select {schema}.roster_forget($1, $2)`),
		forgetLives:   db.SQL(`select last_life, last_name from {schema}.roster_forget_lives($1, $2, $3)`),
		forgetMembers: db.SQL(`select {schema}.roster_forget_members($1, $2, $3)`),
		forgetDead:    db.SQL(`select {schema}.roster_forget_dead()`),
	}}
}

// randomID is positive.
func randomID() int64 { return rand.Int64N(1<<63-1) + 1 }

// row runs a statement that answers with one row, which scan reads.
func (r *Rosters) row(ctx context.Context, what, sql string, args []any, scan ...any) error {
	err := r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error { return q.QueryRow(ctx, sql, args...).Scan(scan...) })
	if err != nil {
		return fmt.Errorf("pgstore: %s: %w", what, err)
	}
	return nil
}

// Load implements roster.Store.
func (r *Rosters) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	s, sound, err := r.load(ctx, name)
	if err == nil && !sound {
		// Somebody else wrote there: it begins anew. What is read then is what it is.
		if err = r.exec(ctx, "verify roster", r.sql.verify, []byte(name), randomID()); err == nil {
			s, _, err = r.load(ctx, name)
		}
	}
	return s, err
}

// load reports also whether there are as many members as were counted.
func (r *Rosters) load(ctx context.Context, name string) (s roster.Snapshot, sound bool, err error) {
	s.Members = make(map[string][]byte)
	counted := 0
	err = r.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, r.sql.load, []byte(name))
		if err != nil {
			return err
		}
		var epoch *string
		var version *int64
		var closed *bool
		var members *int
		var key, value []byte
		_, err = pgx.ForEachRow(rows, []any{&epoch, &version, &closed, &members, &key, &value}, func() error {
			if epoch != nil {
				s.Epoch, s.Version, s.Closed, counted = *epoch, uint64(*version), *closed, *members
			} else {
				s.Members[string(key)] = value
			}
			return nil
		})
		return err
	})
	if err != nil {
		return roster.Snapshot{}, true, fmt.Errorf("pgstore: load: %w", err)
	}
	return s, counted == len(s.Members), nil
}

// Check implements roster.Store. What is known of a roster that is checked is not forgotten.
func (r *Rosters) Check(ctx context.Context, name string) (roster.Standing, error) {
	var epoch *string
	var version *int64
	var closed *bool
	var lives [][]byte
	var shows []int
	if err := r.row(ctx, "check", r.sql.check, []any{[]byte(name)}, &epoch, &version, &closed, &lives, &shows); err != nil {
		return roster.Standing{}, err
	}
	s := roster.Standing{Lives: make(map[string]int, len(lives))}
	if epoch != nil {
		s.Epoch, s.Version, s.Closed = *epoch, uint64(*version), *closed
	}
	for i, life := range lives {
		s.Lives[string(life)] = shows[i]
	}
	return s, nil
}

var errOps = errors.New("not what the port allows")

// checkOps holds callers to what roster.Store asks of them.
func checkOps(name, life string, ops []roster.Op) error {
	switch {
	case life == "" || len(life) > maxLife || strings.ContainsAny(life, " \n"):
		return fmt.Errorf("%w: a life has 1 to %d bytes and no space", errOps, maxLife)
	case len(name) > maxRosterName:
		return fmt.Errorf("%w: a name of %d bytes", errOps, len(name))
	case len(ops) > roster.MaxOps:
		return fmt.Errorf("%w: %d ops", errOps, len(ops))
	}
	size, seen := 0, make(map[string]struct{}, len(ops))
	for _, op := range ops {
		seen[op.Key] = struct{}{}
		size += len(op.Key) + len(op.Value)
		if op.Key == "" || len(op.Key) > roster.MaxKey {
			return fmt.Errorf("%w: a key of %d bytes", errOps, len(op.Key))
		}
		if op.Value != nil && (len(op.Value) == 0 || len(op.Value) > roster.MaxValue) {
			return fmt.Errorf("%w: a value of %d bytes", errOps, len(op.Value))
		}
	}
	if len(seen) < len(ops) {
		return fmt.Errorf("%w: a key twice", errOps)
	}
	if size > maxOpsBytes {
		return fmt.Errorf("%d bytes: %w", size, ErrTooLarge)
	}
	return nil
}
