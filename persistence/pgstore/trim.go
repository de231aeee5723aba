package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// trimAll removes what does not count any more of a topic, in bounded steps.
func (s *Store) trimAll(ctx context.Context, name string, m *mark, p *pacer) error {
	for {
		gone, more, err := s.trim(ctx, name, m)
		if err != nil {
			if pgdb.Reason(err) == "timeout" {
				m.limit = max(m.limit/4, 1) // the rows are large
			}
			err = fmt.Errorf("pgstore: trim: %w", err)
			s.trimFailed(ctx, err)
			return err
		}
		m.limit = min(m.limit*2, trimRows)
		s.metrics.trimmed.Add(float64(max(gone, 0)))
		p.wait(ctx, max(gone, 0))
		if !more || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// trim removes the first rows. Gone is -1 if somebody else is at it.
func (s *Store) trim(ctx context.Context, name string, m *mark) (gone int, more bool, err error) {
	var id, next int64
	// A statement that has begun ends: cutting it off would cost its connection.
	err = s.db.Run(context.WithoutCancel(ctx), func(ctx context.Context, q pgdb.Querier) error {
		return q.QueryRow(ctx, s.sql.trim, name, s.db.LockKey("trim/"+name), m.id, int64(m.from), int32(m.limit)).
			Scan(&id, &next, &gone, &more)
	})
	if err == nil {
		m.id, m.from = id, uint64(max(next, 0))
	}
	return gone, more, err
}

// trimFailed counts, and logs what an operator may not know from elsewhere.
func (s *Store) trimFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.trimErrors.Inc()
	if errors.Is(err, breaker.ErrOpen) || !s.mayWarn() {
		return
	}
	s.logger.Warn("old events could not be removed, which is tried again", "backend", backend, "err", err)
}

// mayWarn is true once in ten seconds.
func (s *Store) mayWarn() bool {
	now, last := time.Now().Unix(), s.warned.Load()
	return now-last >= 10 && s.warned.CompareAndSwap(last, now)
}

// Tasks removes what no append of this node will: events that aged, rows of cleared topics, ids that expired,
// and topics that hold nothing and that nobody has used for a day.
func (s *Store) Tasks() []Task {
	return []Task{
		{Name: "history-sweep", Every: time.Minute, Run: s.sweep},
		{Name: "history-ids", Every: 10 * time.Second, Run: s.dropIDs},
		{Name: "history-cleared", Every: 10 * time.Second, Run: s.dropCleared},
		{Name: "history-forget", Every: 15 * time.Minute, Run: s.forget},
	}
}

const (
	scanRows  = 2000 // topics looked at by one statement
	fullEvery = 30   // sweeps of a node, of which one looks at all topics
)

// sweep trims every topic that needs it, each by itself.
func (s *Store) sweep(ctx context.Context) error {
	p := &pacer{rate: s.trimmer.pacer.rate}
	all := s.sweeps%fullEvery == 0
	var failed error
	for seen, after := scanRows, ""; seen == scanRows; {
		var found []string
		err := s.task(ctx, func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, s.sql.sweep, after, int32(scanRows), all).Scan(&seen, &after, &found)
		})
		if err != nil {
			return err
		}
		for _, name := range found {
			err := s.trimAll(ctx, name, &mark{limit: trimRows}, p)
			if errors.Is(err, breaker.ErrOpen) || ctx.Err() != nil {
				return err
			}
			failed = errors.Join(failed, err)
		}
	}
	s.sweeps++
	return failed
}

func (s *Store) dropIDs(ctx context.Context) error {
	p := &pacer{rate: s.trimmer.pacer.rate}
	from := time.Unix(0, 0)
	for gone := trimRows; gone == trimRows; {
		var upto *time.Time
		err := s.task(ctx, func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, s.sql.dropIDs, from, int32(trimRows)).Scan(&gone, &upto)
		})
		if err != nil {
			return err
		}
		if upto != nil {
			from = *upto
		}
		s.dropped(ctx, p, gone)
	}
	return nil
}

func (s *Store) dropCleared(ctx context.Context) error {
	p := &pacer{rate: s.trimmer.pacer.rate}
	for gone := 1; gone > 0; {
		err := s.task(ctx, func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, s.sql.dropCleared, int32(trimRows)).Scan(&gone)
		})
		if err != nil {
			return err
		}
		s.dropped(ctx, p, gone)
	}
	return nil
}

func (s *Store) forget(ctx context.Context) error {
	p := &pacer{rate: s.trimmer.pacer.rate}
	for seen, after := scanRows, ""; seen == scanRows; {
		gone := 0
		err := s.task(ctx, func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, s.sql.forget, after, int32(scanRows)).Scan(&seen, &after, &gone)
		})
		if err != nil {
			return err
		}
		s.dropped(ctx, p, gone)
	}
	return nil
}

func (s *Store) dropped(ctx context.Context, p *pacer, rows int) {
	s.metrics.trimmed.Add(float64(rows))
	p.wait(ctx, rows)
}

// task runs a statement of a Task.
func (s *Store) task(ctx context.Context, f func(ctx context.Context, q pgdb.Querier) error) error {
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("pgstore: task: %w", err)
	}
	defer s.calls.Done()
	if err := s.db.Run(ctx, f); err != nil {
		return fmt.Errorf("pgstore: task: %w", err)
	}
	return nil
}
