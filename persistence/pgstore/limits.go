package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// Limits keep in Postgres what was consumed of rate limits: a row for each key. They are a
// ratelimit.Store. Their methods are safe for concurrent use; there is nothing to close.
type Limits struct {
	db                              *pgdb.DB
	metrics                         *callMetrics
	lock, read, write, drop, forget string
	sweep                           string
	turns                           sync.Map // of int64, the key of a lock: chan struct{}
}

var _ ratelimit.Store = (*Limits)(nil)

// NewLimits returns the limits of a database and schema. They need a Janitor for their Tasks. A nil reg
// counts without exposing.
func NewLimits(db *pgdb.DB, reg prometheus.Registerer) *Limits {
	return &Limits{db: db, metrics: newCallMetrics(reg), sweep: sweepSQL(db, "limits"),
		lock: db.SQL(`select {schema}.limits_lock($1)`),
		// However old the planner's idea of the table, it looks up key by key.
		read: db.SQL(`select u.key, l.state, l.gone from unnest($2::bytea[]) as u(key) cross join lateral (
			select x.state, (extract(epoch from least(greatest(x.gone, 'epoch'), '9999-12-31')) * 1000000)::bigint as gone from {schema}.limits x
			where x.policy = $1 and x.key = u.key offset 0) as l`),
		write: db.SQL(`insert into {schema}.limits (policy, key, state, gone)
			select $1, u.key, u.state, u.gone from unnest($2::bytea[], $3::text[], $4::timestamptz[]) as u(key, state, gone)
			on conflict (policy, key) do update set state = excluded.state, gone = excluded.gone`),
		drop: db.SQL(`delete from {schema}.limits where policy = $1 and key = $2`),
		forget: db.SQL(`with page as materialized (select ctid, key from {schema}.limits where policy = $1 and key > $2 order by key limit $3),
			gone as (delete from {schema}.limits where ctid = any(array(select ctid from page)))
			select key from page order by key desc limit 1`),
	}
}

// Place implements ratelimit.Store: there is one. Fewer and larger batches cost less than what could be
// done beside each other.
func (l *Limits) Place(ratelimit.Policy, string) int { return 0 }

// lockOf is the key of the lock of a limit.
func (l *Limits) lockOf(limit string) int64 { return l.db.LockKey("limits/" + limit) }

// Take implements ratelimit.Store, in two round trips.
func (l *Limits) Take(ctx context.Context, p ratelimit.Policy, batch []ratelimit.Want) (grants []ratelimit.Grant, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, len(batch))
	for i := range batch {
		keys = append(keys, batch[i].Key)
	}
	slices.Sort(keys)
	t, began := p.Terms(), time.Now()
	err = l.change(ctx, p, slices.Compact(keys), func(now int64, known map[string]*standing) {
		grants = take(known, now, t, batch)
	})
	if err = l.called(callTake, began, err); err != nil {
		return nil, err
	}
	return grants, nil
}

// Change implements ratelimit.Store.
func (l *Limits) Change(ctx context.Context, p ratelimit.Policy, key string, c ratelimit.Change) error {
	began := time.Now()
	err := l.change(ctx, p, []string{key}, func(now int64, known map[string]*standing) { alter(known, key, now, c) })
	return l.called(callChange, began, err)
}

func (l *Limits) called(c call, began time.Time, err error) error {
	l.metrics.called(c, time.Since(began), err)
	if err != nil {
		return fmt.Errorf("pgstore: %s: %w", c, err)
	}
	return nil
}

// change has f change keys of a limit, one call after the other in the whole cluster. It begins a transaction, takes the
// lock and reads in one round trip, and writes and commits in another.
func (l *Limits) change(ctx context.Context, p ratelimit.Policy, keys []string, f func(now int64, known map[string]*standing)) error {
	lock := l.lockOf(p.Name)
	leave, err := l.enter(ctx, lock)
	if err != nil {
		return err
	}
	defer leave()
	return l.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		now, known, err := l.begin(ctx, q, lock, p.Name, keys)
		if err == nil {
			f(now, known)
			err = l.commit(ctx, q, now, p, known)
		}
		if err != nil {
			_, _ = q.Exec(ctx, "rollback") // else the pool ends the connection
		}
		return err
	})
}

// enter waits until no other call of this node has the lock: it would only keep a connection
// busy with waiting.
func (l *Limits) enter(ctx context.Context, lock int64) (leave func(), err error) {
	turn, ok := l.turns.Load(lock)
	if !ok {
		turn, _ = l.turns.LoadOrStore(lock, make(chan struct{}, 1))
	}
	mine := turn.(chan struct{})
	select {
	case mine <- struct{}{}:
		return func() { <-mine }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *Limits) begin(ctx context.Context, q pgdb.Querier, lock int64, limit string, keys []string) (int64, map[string]*standing, error) {
	names := make([][]byte, len(keys))
	for i, key := range keys {
		names[i] = []byte(key)
	}
	var now int64
	known := make(map[string]*standing, len(keys))
	b := &pgx.Batch{}
	b.Queue("begin isolation level read committed")
	b.Queue(l.lock, lock).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	b.Queue(l.read, limit, names).Query(func(rows pgx.Rows) error {
		var key []byte
		var state string
		var gone int64
		_, err := pgx.ForEachRow(rows, []any{&key, &state, &gone}, func() error {
			known[string(key)] = &standing{meter: decodeMeter(state), gone: gone}
			return nil
		})
		return err
	})
	return now, known, q.SendBatch(ctx, b).Close()
}

// commit writes what changed.
func (l *Limits) commit(ctx context.Context, q pgdb.Querier, now int64, p ratelimit.Policy, known map[string]*standing) error {
	b := &pgx.Batch{}
	var keys [][]byte
	var states []string
	var gone []time.Time
	for _, key := range slices.Sorted(maps.Keys(known)) {
		s := known[key]
		if !s.changed {
			continue
		}
		state := encodeMeter(&s.meter)
		if state == "" {
			b.Queue(l.drop, p.Name, []byte(key))
			continue
		}
		s.keep(now, p.Terms())
		keys, states, gone = append(keys, []byte(key)), append(states, state), append(gone, time.UnixMicro(s.gone))
	}
	if len(keys) > 0 {
		b.Queue(l.write, p.Name, keys, states, gone)
	}
	b.Queue("commit")
	return q.SendBatch(ctx, b).Close()
}

// Tasks drop what says nothing any more.
func (l *Limits) Tasks() []Task {
	return []Task{{Name: "limits", Every: time.Minute, Run: func(ctx context.Context) error { return sweep(ctx, l.db, l.sweep) }}}
}
