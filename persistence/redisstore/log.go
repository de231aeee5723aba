package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var (
	_ topic.RelayingLog = (*Store)(nil)
	_ topic.RenewingLog = (*Store)(nil)
)

// Bounds of a batch: what the frame that relays it may hold.
const (
	maxBatch      = 8192
	maxBatchBytes = 18 << 20
)

// Relays marks a Store as a topic.RelayingLog.
func (s *Store) Relays() {}

// Append implements topic.Log. Without an error the events are kept, relayed, and on
// Config.Replicas replicas. Besides the errors of the package it fails with those of ctx
// and of the connection.
func (s *Store) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	if len(batch) == 0 {
		page, now, err := s.page(ctx, callAppend, name, query{}, keep)
		return topic.Appended{Epoch: page.Head.Epoch, At: now}, err
	}
	s.metrics.batch.Observe(float64(len(batch)))
	p := pack(batch, keep.Dedup > 0)
	if p.fresh > maxBatch || len(p.entries) > maxBatchBytes {
		return topic.Appended{}, fmt.Errorf("redisstore: append: %d entries, %d bytes: %w", p.fresh, len(p.entries), ErrTooLarge)
	}
	args := append([]any{newEpoch(), s.head, s.publish, s.names.Channel(name),
		max(keep.Size, 1), millis(keep.TTL), millis(keep.Dedup),
		p.fresh, p.entries, p.lengths}, p.ids...)
	for tries := 3; ; tries-- {
		answer, err := s.append(ctx, name, args)
		if err != nil {
			return topic.Appended{}, err
		}
		// Empty: what was there contradicted itself, and is gone now.
		if len(answer) > 0 || tries == 0 {
			return p.results(answer)
		}
	}
}

func (s *Store) append(ctx context.Context, name string, args []any) ([]any, error) {
	call := s.run
	if s.replicas > 0 {
		call = s.runReplicated
	}
	answer, err := call(ctx, callAppend, appendScript, name, args...)
	if err != nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("redisstore: append: %w", errAnswer)
	}
	return list, nil
}

// Clear implements topic.Log. Other nodes are told by a frame.
func (s *Store) Clear(ctx context.Context, name string) error {
	_, err := s.run(ctx, callClear, clearScript, name, newEpoch(), s.head, s.publish, s.names.Channel(name))
	return err
}

// Renew implements topic.RenewingLog. Other nodes are told by a frame.
func (s *Store) Renew(ctx context.Context, name, epoch string) error {
	_, err := s.run(ctx, callRenew, renewScript, name, newEpoch(), s.head, s.publish, s.names.Channel(name), epoch)
	return err
}

// millis rounds up, so that what is asked for is kept.
func millis(d time.Duration) int64 {
	return max(0, int64((d+time.Millisecond-1)/time.Millisecond))
}
