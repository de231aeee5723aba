package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// A Backlog is what is in the outbox.
type Backlog struct {
	Pending int           // rows that are committed and not out yet, counted up to MaxCount
	Dead    int           // dead letters, counted up to MaxCount
	Lag     time.Duration // how long the oldest pending row has been committed
}

// MaxCount is up to where rows are counted.
const MaxCount = 100_000

const backlogSQL = `select
	(select count(*) from (select from {schema}.outbox limit $1) o),
	(select count(*) from (select from {schema}.outbox_dead limit $1) d),
	coalesce((select greatest(extract(epoch from clock_timestamp() - t.at), 0) from {schema}.outbox_tickets t order by t.seq limit 1), 0)::float8`

func (b *Backlog) scan(row pgx.Row) error {
	var seconds float64
	err := row.Scan(&b.Pending, &b.Dead, &seconds)
	b.Lag = time.Duration(seconds * float64(time.Second))
	return err
}

// Look tells what is in the outbox.
func Look(ctx context.Context, db *pgdb.DB) (b Backlog, err error) {
	err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		return b.scan(q.QueryRow(ctx, db.SQL(backlogSQL), MaxCount))
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("outbox: look: %w", err)
	}
	return b, nil
}

// A Letter is a row that could not be published.
type Letter struct {
	ID        int64 // what Publish returned
	Topic     string
	Event     string
	Data      string    // JSON, byte for byte
	Key       string    // by which its topic knows it
	Published time.Time // by the database's clock, as the next
	Died      time.Time
	Tries     int
	Reason    string
}

// MaxLetters is how many dead letters are listed, retried or discarded at most by one call.
const MaxLetters = 1000

// Dead returns dead letters whose ID is above after, by ID: at most limit of them, 1 to MaxLetters.
func Dead(ctx context.Context, db *pgdb.DB, after int64, limit int) (letters []Letter, err error) {
	limit = min(max(limit, 1), MaxLetters)
	err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		rows, err := q.Query(ctx, db.SQL(`select id, topic, event, data, key, at, died, tries, reason from {schema}.outbox_dead
			where id > $1 order by id limit $2`), after, limit)
		if err != nil {
			return err
		}
		letters, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Letter])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: dead letters: %w", err)
	}
	return letters, nil
}

// Retry puts dead letters back into the outbox, as if they had been published now, in the order of their IDs. They are known to their
// topic as before, and get new IDs. It returns how many there were. At most MaxLetters IDs are taken.
func Retry(ctx context.Context, db *pgdb.DB, ids ...int64) (n int, err error) {
	return change(ctx, db, "retry", `with d as (delete from {schema}.outbox_dead where id = any($1) returning id, topic, event, data, key)
		insert into {schema}.outbox (topic, event, data, key) select topic, event, data, key from d order by id`, ids)
}

// Discard removes dead letters, and returns how many there were. At most MaxLetters IDs are taken.
func Discard(ctx context.Context, db *pgdb.DB, ids ...int64) (n int, err error) {
	return change(ctx, db, "discard", `delete from {schema}.outbox_dead where id = any($1)`, ids)
}

func change(ctx context.Context, db *pgdb.DB, what, sql string, ids []int64) (n int, err error) {
	if len(ids) > MaxLetters {
		return 0, fmt.Errorf("outbox: %s: at most %d dead letters at a time, not %d", what, MaxLetters, len(ids))
	}
	err = db.Tx(ctx, func(ctx context.Context, q pgdb.Querier) error {
		tag, err := q.Exec(ctx, db.SQL(sql), ids)
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("outbox: %s: %w", what, err)
	}
	return n, nil
}
