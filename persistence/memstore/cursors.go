package memstore

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/cursor"
)

// Cursors keeps where cursors are in the memory of one process. It is a cursor.Store. Several
// nodes of the process may share it. Its methods are safe for concurrent use; there is
// nothing to close.
type Cursors struct {
	began time.Time

	mu     sync.Mutex
	topics map[string]*cursors
}

var _ cursor.Store = (*Cursors)(nil)

// NewCursors returns an empty store.
func NewCursors() *Cursors {
	return &Cursors{began: time.Now(), topics: make(map[string]*cursors)}
}

type cursors struct {
	of    map[string]cursorKept
	until time.Duration // the last of them is gone
}

type cursorKept struct {
	cursor.Entry
	until time.Duration // since the store began
}

// Save implements cursor.Store.
func (s *Cursors) Save(ctx context.Context, topic, life string, entries []cursor.Entry, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: save cursors: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(s.began)
	s.sweep(now)
	t := s.topics[topic]
	if t == nil {
		t = &cursors{of: make(map[string]cursorKept)}
		s.topics[topic] = t
	}
	for _, e := range entries {
		if have, ok := t.of[e.Key]; ok && have.until > now && have.Number >= e.Number {
			continue
		}
		if e.Data == nil {
			delete(t.of, e.Key)
			continue
		}
		e.Life = life
		t.of[e.Key] = cursorKept{e, now + ttl}
		t.until = max(t.until, now+ttl)
	}
	if len(t.of) == 0 {
		delete(s.topics, topic)
	}
	return nil
}

// sweep drops some of the topics whose time has passed. Each call may make one topic, and
// looks at more than one.
func (s *Cursors) sweep(now time.Duration) {
	looks := 4
	for name, t := range s.topics {
		if looks--; looks < 0 {
			return
		}
		if t.until <= now {
			delete(s.topics, name)
		}
	}
}

// Load implements cursor.Store.
func (s *Cursors) Load(ctx context.Context, topic string) ([]cursor.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memstore: load cursors: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(s.began)
	t := s.topics[topic]
	if t == nil {
		return nil, nil
	}
	maps.DeleteFunc(t.of, func(_ string, k cursorKept) bool { return k.until <= now })
	if len(t.of) == 0 {
		delete(s.topics, topic)
		return nil, nil
	}
	entries := make([]cursor.Entry, 0, len(t.of))
	for _, k := range t.of {
		k.Left = k.until - now
		entries = append(entries, k.Entry)
	}
	return entries, nil
}

// Topics is how many topics have cursors, those included that have expired unnoticed.
func (s *Cursors) Topics() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.topics)
}
