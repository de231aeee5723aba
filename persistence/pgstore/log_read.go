package pgstore

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// Read implements topic.Log. The page shows the topic at one moment. Events that are missing in Postgres count as gone,
// and so does what is older: Page.Oldest tells.
func (s *Store) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	return s.page(ctx, callRead, name, query{min(after, math.MaxInt64), min(max(limit, 0), math.MaxInt32)}, keep)
}

// A query asks for events after a number, at most limit of them.
type query struct {
	after uint64
	limit int
}

func (s *Store) page(ctx context.Context, c call, name string, w query, keep topic.Retention) (topic.Page, error) {
	if rule := textFault(name); rule != "" {
		return topic.Page{}, fmt.Errorf("pgstore: %s: %w", c, &ValueError{Field: "topic", Rule: rule})
	}
	var r reading
	err := s.do(ctx, c, func(ctx context.Context, q pgdb.Querier) error {
		for range maxTries {
			r = reading{query: w}
			rows, err := q.Query(ctx, s.sql.read, name, int64(w.after), int32(w.limit), int64(max(keep.Size, 1)), millis(keep.TTL))
			if err == nil {
				err = r.take(rows)
			}
			if err != nil || r.there {
				return err
			}
			// Nobody has used it before, or it was forgotten. The epoch that is answered now has to last.
			if _, err := q.Exec(ctx, s.sql.enter, []string{name}); err != nil {
				return err
			}
		}
		return errAnswer
	})
	if err != nil {
		return topic.Page{}, err
	}
	if r.idle {
		s.trimmer.used(name)
	}
	s.metrics.corrupt.Add(float64(r.holes))
	return r.page, nil
}

// A reading makes a page of what the function look returns.
type reading struct {
	query
	page  topic.Page
	there bool
	idle  bool   // nobody has used it for long
	next  uint64 // everything up to it is read, or gone
	rows  int
	holes int
}

func (r *reading) take(rows pgx.Rows) error {
	var seq int64
	var at *time.Time
	var name string
	var data []byte
	_, err := pgx.ForEachRow(rows, []any{&seq, &at, &name, &data}, func() error {
		switch {
		case !r.there:
			return r.head(uint64(seq), at, name, string(data))
		case at == nil:
			return errAnswer
		}
		r.add(topic.Record{Seq: uint64(seq), At: *at, Name: name, Data: data})
		return nil
	})
	if err == nil && r.there {
		r.end()
	}
	return err
}

func (r *reading) head(seq uint64, used *time.Time, epoch, oldest string) error {
	n, err := strconv.ParseUint(oldest, 10, 64)
	if err != nil || epoch == "" || n > seq+1 {
		return errAnswer
	}
	r.there, r.idle = true, used != nil
	r.page = topic.Page{Head: topic.Position{Epoch: epoch, Seq: seq}, Oldest: n}
	r.next = max(r.after, n-1)
	return nil
}

func (r *reading) add(rec topic.Record) {
	r.rows++
	if rec.Seq != r.next+1 {
		r.gone(rec.Seq)
	}
	r.page.Records = append(r.page.Records, rec)
	r.next = rec.Seq
}

// end looks whether the last ones were there.
func (r *reading) end() {
	if r.rows < r.limit && r.next < r.page.Head.Seq {
		r.gone(r.page.Head.Seq + 1)
	}
}

// gone notes that everything before a number is, though it should be there.
func (r *reading) gone(oldest uint64) {
	r.holes++
	r.page.Oldest = oldest
	r.page.Records = nil
}
