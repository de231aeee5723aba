package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// cursorsPage is how many cursors one statement of Load reads.
const cursorsPage = 500

var errCursors = errors.New("more entries than Save takes")

// Cursors keeps in Postgres where cursors are: a row for each. It is a cursor.Store. Its methods are
// safe for concurrent use; there is nothing to close.
type Cursors struct {
	db         *pgdb.DB
	save, load string
	sweeps     []string

	// By these Postgres tells a call that was given up and comes late.
	writer string
	number atomic.Int64
}

var _ cursor.Store = (*Cursors)(nil)

// NewCursors returns the cursors of a database and schema. They need a Janitor for their Tasks.
func NewCursors(db *pgdb.DB) *Cursors {
	return &Cursors{db: db, writer: rand.Text(),
		save: db.SQL(`select {schema}.cursors_save($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`),
		load: db.SQL(`select key, number, life, owner, data, (extract(epoch from until - clock_timestamp()) * 1000000)::bigint
			from {schema}.cursors where topic = $1 and key > $2 order by key limit $3`),
		sweeps: []string{sweepSQL(db, "cursors"), sweepSQL(db, "cursor_writers")},
	}
}

// Save implements cursor.Store, in one statement.
func (s *Cursors) Save(ctx context.Context, topic, life string, entries []cursor.Entry, ttl time.Duration) error {
	if len(entries) == 0 {
		return nil
	}
	if len(entries) > cursor.MaxEntries {
		return fmt.Errorf("pgstore: save cursors: %d: %w", len(entries), errCursors)
	}
	n := len(entries)
	keys, numbers, owners, datas := make([][]byte, n), make([]int64, n), make([][]byte, n), make([][]byte, n)
	for i := range entries {
		e := &entries[i]
		keys[i], numbers[i], datas[i] = []byte(e.Key), int64(e.Number), e.Data
		if owners[i] = e.User; e.User == nil {
			owners[i] = []byte{} // nil would be NULL
		}
	}
	number := s.number.Add(1)
	err := s.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, s.save, s.db.LockKey("cursors/"+topic), topic, s.writer+":"+life, number, life, ttl.Round(time.Microsecond),
			keys, numbers, owners, datas)
		return err
	})
	if err != nil {
		return fmt.Errorf("pgstore: save cursors: %w", err)
	}
	return nil
}

// Load implements cursor.Store. It reads in pages, each with a deadline of its own.
func (s *Cursors) Load(ctx context.Context, topic string) ([]cursor.Entry, error) {
	var all []cursor.Entry
	for last := (""); ; {
		page, read := []cursor.Entry(nil), 0
		err := s.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) (err error) {
			page, last, read, err = s.page(ctx, q, topic, last)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("pgstore: load cursors: %w", err)
		}
		if all = append(all, page...); read < cursorsPage {
			return all, nil
		}
	}
}

// page reads what comes after a key, and returns the last one and how many there were with
// those whose time has passed.
func (s *Cursors) page(ctx context.Context, q pgdb.Querier, topic, after string) (page []cursor.Entry, last string, read int, err error) {
	rows, err := q.Query(ctx, s.load, topic, []byte(after), cursorsPage)
	if err != nil {
		return nil, after, 0, err
	}
	var key, owner, data []byte
	var number, left int64
	var life string
	last = after
	_, err = pgx.ForEachRow(rows, []any{&key, &number, &life, &owner, &data, &left}, func() error {
		last = string(key)
		if read++; left > 0 {
			page = append(page, cursor.Entry{Key: last, Number: uint64(number), User: owner, Data: data, Life: life,
				Left: time.Duration(left) * time.Microsecond})
		}
		return nil
	})
	return page, last, read, err
}

// Tasks drop what has expired.
func (s *Cursors) Tasks() []Task {
	return []Task{{Name: "cursors", Every: time.Minute, Run: func(ctx context.Context) error { return sweep(ctx, s.db, s.sweeps...) }}}
}
