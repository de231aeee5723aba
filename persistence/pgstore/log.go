package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

var _ topic.RenewingLog = (*Store)(nil)

// Bounds of a batch.
const (
	maxBatch      = 8192
	maxBatchBytes = 64 << 20
)

// Append implements topic.Log. Without an error the events are on Postgres' disk. Besides the errors of the
// package it fails with those of ctx and of the DB. Of a call whose ctx ended while it was being sent it is unknown whether it
// took effect, and so it is after an error of the connection.
func (s *Store) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	if len(batch) == 0 {
		page, err := s.page(ctx, callAppend, name, query{}, keep)
		return topic.Appended{Epoch: page.Head.Epoch}, err
	}
	began := time.Now()
	got, err := s.append(ctx, name, batch, keep)
	s.metrics.called(callAppend, time.Since(began), err)
	return got, err
}

func (s *Store) append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	s.metrics.batch.Observe(float64(len(batch)))
	bytes, err := check(name, batch)
	if err == nil {
		err = s.begin(ctx)
	}
	if err != nil {
		return topic.Appended{}, fmt.Errorf("pgstore: append: %w", err)
	}
	defer s.calls.Done()
	// A copy, as the caller may return before its entries are sent, and use its slice again.
	p := &pending{topic: name, keep: keep, batch: slices.Clone(batch), bytes: bytes, done: make(chan struct{})}
	got, err := s.lanes.append(ctx, p)
	if err != nil {
		err = fmt.Errorf("pgstore: append: %w", err)
	}
	return got, err
}

// check refuses what Postgres would, before it costs others their statement, and says how large it is.
func check(name string, batch []topic.Entry) (bytes int, err error) {
	if rule := textFault(name); rule != "" {
		return 0, &ValueError{Field: "topic", Rule: rule}
	}
	for i := range batch {
		e := &batch[i]
		if rule := textFault(e.Name); rule != "" {
			return 0, &ValueError{Field: "name", Entry: i, Rule: rule}
		}
		if rule := textFault(unsafe.String(unsafe.SliceData(e.Data), len(e.Data))); rule != "" {
			return 0, &ValueError{Field: "data", Entry: i, Rule: rule}
		}
		bytes += len(e.ID) + len(e.Name) + len(e.Data) + 32
	}
	if len(batch) > maxBatch || bytes > maxBatchBytes {
		return 0, fmt.Errorf("%d entries, %d bytes: %w", len(batch), bytes, ErrTooLarge)
	}
	return bytes, nil
}

func textFault(text string) string {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return "must not contain the byte 0"
	case !utf8.ValidString(text):
		return "must be valid UTF-8"
	}
	return ""
}

// Clear implements topic.Log. Rows of what was are removed in the background.
func (s *Store) Clear(ctx context.Context, name string) error {
	return s.change(ctx, callClear, name, s.sql.clear, name)
}

// Renew implements topic.RenewingLog.
func (s *Store) Renew(ctx context.Context, name, epoch string) error {
	if textFault(epoch) != "" {
		epoch = "" // no topic's
	}
	return s.change(ctx, callRenew, name, s.sql.renew, name, epoch)
}

func (s *Store) change(ctx context.Context, c call, name, sql string, args ...any) error {
	if rule := textFault(name); rule != "" {
		return fmt.Errorf("pgstore: %s: %w", c, &ValueError{Field: "topic", Rule: rule})
	}
	return s.do(ctx, c, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, sql, args...)
		return err
	})
}
