package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/topic/roster"
)

var (
	_ roster.Store    = (*Rosters)(nil)
	_ roster.Closer   = (*Rosters)(nil)
	_ roster.Notebook = (*Rosters)(nil)
)

const (
	// rosterTomb is for how long a life stays buried.
	rosterTomb = 20 * time.Minute

	// rosterBatch bounds the members that a script of Bury drops, and rosterBytes its frame.
	rosterBatch, rosterBytes = 500, 4 << 20

	// maxOpsBytes bounds keys and values of one Apply, so that a frame can carry them.
	maxOpsBytes = 18 << 20
)

// Rosters keeps in Redis who is on which roster. It is a roster.Store, Closer and Notebook.
// Its methods are safe for concurrent use; there is nothing to close.
type Rosters struct {
	conn    *redisconn.Conn
	names   redisconn.Names
	publish string // the command

	// By these Redis tells a call that was given up and comes late from the newest one.
	writer string
	number atomic.Uint64
}

// NewRosters returns the rosters on a connection, which it does not close.
func NewRosters(conn *redisconn.Conn) *Rosters {
	r := &Rosters{conn: conn, names: conn.Names(), publish: "publish", writer: newEpoch()}
	if conn.Cluster() {
		r.publish = "spublish"
	}
	return r
}

// run calls a script.
func (r *Rosters) run(ctx context.Context, what string, script *redis.Script, keys []string, args ...any) (any, error) {
	answer, err := r.conn.Run(ctx, script, keys, args...)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %s: %w", what, explain(err))
	}
	return answer, nil
}

// list calls a script that answers with a list.
func (r *Rosters) list(ctx context.Context, what string, script *redis.Script, keys []string, args ...any) (*replies, error) {
	answer, err := r.run(ctx, what, script, keys, args...)
	if err != nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("redisstore: %s: %w", what, errAnswer)
	}
	return &replies{rest: list}, nil
}

// keys are those of a roster, in the order that scripts expect.
func (r *Rosters) keys(name string) []string {
	keys := make([]string, 5, 8)
	for i, what := range []string{"head", "members", "lives", "closed", "notes"} {
		keys[i] = r.names.RosterKey(name, what)
	}
	return keys
}

// keysOf are those, and the ones for a life.
func (r *Rosters) keysOf(name, life string) []string {
	return append(r.keys(name), r.names.RosterLifeKey(name, "lives", life),
		r.names.RosterLifeKey(name, "dead", life), r.names.RosterLifeKey(name, "wrote", life))
}

// Load implements roster.Store. Redis hands over all members in one step, in which it serves
// nobody else: some milliseconds for 10,000.
func (r *Rosters) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	answer, err := r.list(ctx, "load", rosterLoadScript, r.keys(name))
	if err != nil {
		return roster.Snapshot{}, err
	}
	s := roster.Snapshot{Epoch: answer.text(), Version: answer.uint(), Closed: answer.uint() == 1}
	fields := answer.list()
	s.Members = make(map[string][]byte, len(fields.rest)/2)
	for len(fields.rest) > 0 && !fields.bad {
		key, record := fields.text(), fields.text()
		if lives, value, ok := strings.Cut(record, "\n"); ok && lives != "" && value != "" && key != "" {
			s.Members[key] = []byte(value)
		}
	}
	if answer.bad || fields.bad {
		return roster.Snapshot{}, fmt.Errorf("redisstore: load: %w", errAnswer)
	}
	return s, nil
}

// Check implements roster.Store. The head of a roster that is checked does not expire.
func (r *Rosters) Check(ctx context.Context, name string) (roster.Standing, error) {
	answer, err := r.list(ctx, "check", rosterCheckScript, r.keys(name))
	if err != nil {
		return roster.Standing{}, err
	}
	s := roster.Standing{Epoch: answer.text(), Version: answer.uint(), Closed: answer.uint() == 1}
	fields := answer.list()
	s.Lives = make(map[string]int, len(fields.rest)/2)
	for len(fields.rest) > 0 && !fields.bad {
		life := fields.text()
		if e, ok := readEntry(fields.text()); ok {
			s.Lives[life] = e.shows
		}
	}
	if answer.bad || fields.bad {
		return roster.Standing{}, fmt.Errorf("redisstore: check: %w", errAnswer)
	}
	return s, nil
}

// list is an element that is a list itself.
func (r *replies) list() replies {
	list, ok := r.next().([]any)
	r.bad = r.bad || !ok
	return replies{rest: list}
}

// An entry is what a roster knows of a life: how many members it shows, and the entry in the
// life's own list of rosters.
type lifeEntry struct {
	shows int
	token string
}

func readEntry(text string) (e lifeEntry, ok bool) {
	n, err := fmt.Sscanf(text, "%d %s", &e.shows, &e.token)
	return e, err == nil && n == 2 && e.shows > 0
}

var errOps = errors.New("not what the port allows")

// checkOps holds callers to what roster.Store asks of them.
func checkOps(life string, ops []roster.Op) error {
	if life == "" || strings.ContainsAny(life, " \n") {
		return fmt.Errorf("%w: a life is not empty and has no space", errOps)
	}
	if len(ops) > roster.MaxOps {
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
