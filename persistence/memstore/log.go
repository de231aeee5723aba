package memstore

import (
	"context"
	"fmt"

	"github.com/troupe-rt/troupe/topic"
)

var _ topic.LocalLog = (*Store)(nil)

// Local marks a Store as a topic.LocalLog.
func (s *Store) Local() {}

// Append implements topic.Log. It keeps the slices of the batch's Data.
func (s *Store) Append(ctx context.Context, name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, error) {
	if err := ctx.Err(); err != nil {
		return topic.Appended{}, fmt.Errorf("memstore: append: %w", err)
	}
	answer, h := s.add(name, batch, keep)
	if s.overfull() {
		s.evict(h)
	}
	return answer, nil
}

func (s *Store) add(name string, batch []topic.Entry, keep topic.Retention) (topic.Appended, *history) {
	sh, hash := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now() // under the lock, so that records are in the order of time
	use := s.uses.Add(1)
	h := sh.find(name, use)
	if h == nil && len(batch) == 0 {
		return topic.Appended{Epoch: sh.epoch(s.epoch, hash)}, nil
	}
	var before int64
	if h == nil {
		h = sh.create(name, sh.epoch(s.epoch, hash), use)
		s.topics.Add(1)
	} else {
		before = h.cost()
	}
	h.dedup = keep.Dedup
	h.retain(now, keep)
	results := make([]topic.Result, len(batch))
	for i, e := range batch {
		results[i] = h.add(e, now, keep)
	}
	h.limit(s.maxBytes)
	s.bytes.Add(h.cost() - before)
	return topic.Appended{Epoch: h.epoch, Results: results}, h
}

// Read implements topic.Log.
func (s *Store) Read(ctx context.Context, name string, after uint64, limit int, keep topic.Retention) (topic.Page, error) {
	if err := ctx.Err(); err != nil {
		return topic.Page{}, fmt.Errorf("memstore: read: %w", err)
	}
	sh, hash := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.find(name, s.uses.Add(1))
	if h == nil {
		return topic.Page{Head: topic.Position{Epoch: sh.epoch(s.epoch, hash)}, Oldest: 1}, nil
	}
	before := h.cost()
	h.retain(s.now(), keep)
	s.bytes.Add(h.cost() - before)
	return h.page(after, limit, s.began), nil
}

// Clear implements topic.Log.
func (s *Store) Clear(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: clear: %w", err)
	}
	sh, hash := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if h := sh.topics[name]; h != nil {
		s.remove(sh, h)
		return nil
	}
	sh.end(hash)
	return nil
}
