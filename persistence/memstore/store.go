package memstore

import (
	"crypto/rand"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultMaxBytes is how much memory the histories of a Store may take.
const DefaultMaxBytes = 512 << 20

// shards is how many locks the topics are spread over.
const shards = 64

// Config of a Store. The zero Config works.
type Config struct {
	// MaxBytes bounds the memory of all histories together. It is an estimate:
	// expect the process to grow by up to twice as much, as the garbage collector is set.
	//
	// Defaults to 512 MiB.
	MaxBytes int64

	// MaxTopics bounds how many topics have a history.
	//
	// Defaults to no bound but that of MaxBytes.
	MaxTopics int

	Registerer prometheus.Registerer // nil counts without exposing
}

// A Store keeps histories in memory. Its methods are safe for concurrent use.
type Store struct {
	maxBytes  int64
	maxTopics int64
	began     time.Time
	epoch     string // of topics that had no life before
	seed      maphash.Seed
	metrics   *metrics

	bytes  atomic.Int64
	topics atomic.Int64
	uses   atomic.Uint64 // counts calls, to order topics by their last one
	shards [shards]shard
}

// New returns an empty Store. There is nothing to close.
func New(cfg Config) *Store {
	s := &Store{
		maxBytes:  cfg.MaxBytes,
		maxTopics: int64(cfg.MaxTopics),
		began:     time.Now(),
		epoch:     rand.Text()[:13], // 65 bits
		seed:      maphash.MakeSeed(),
	}
	if s.maxBytes <= 0 {
		s.maxBytes = DefaultMaxBytes
	}
	for i := range s.shards {
		s.shards[i].longest.Store(unused)
	}
	s.metrics = newMetrics(cfg.Registerer, s)
	return s
}

// Topics is how many topics have a history.
func (s *Store) Topics() int { return int(s.topics.Load()) }

// Bytes estimates the memory of all histories.
func (s *Store) Bytes() int64 { return s.bytes.Load() }

// now is the time since the Store began. It does not follow when somebody sets
// the machine's clock, so that nothing expires by that.
func (s *Store) now() time.Duration { return time.Since(s.began) }

func (s *Store) shard(name string) (*shard, uint64) {
	hash := maphash.String(s.seed, name)
	return &s.shards[hash%shards], hash
}

func (s *Store) overfull() bool {
	return s.bytes.Load() > s.maxBytes || s.maxTopics > 0 && s.topics.Load() > s.maxTopics
}

// evict makes room by what is expired and then by whole topics, but not by spare,
// to which its caller has just appended. The caller holds no lock.
func (s *Store) evict(spare *history) {
	for s.overfull() {
		var from *shard
		longest := uint64(unused)
		for i := range s.shards {
			if used := s.shards[i].longest.Load(); used < longest {
				from, longest = &s.shards[i], used
			}
		}
		if from == nil || !s.relieve(from, spare) {
			return
		}
	}
}

// relieve takes something from the topic of the shard that was used the longest
// time ago, and tells whether it could.
func (s *Store) relieve(sh *shard, spare *history) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.oldest
	if h == spare && h != nil {
		h = h.newer
	}
	if h == nil {
		return false
	}
	before := h.cost()
	if h.expire(s.now()); h.cost() < before {
		s.bytes.Add(h.cost() - before)
		return true
	}
	s.remove(sh, h)
	s.metrics.evictions.Inc()
	return true
}

// remove ends a history. The caller holds the shard's lock.
func (s *Store) remove(sh *shard, h *history) {
	sh.remove(h)
	sh.end(maphash.String(s.seed, h.name))
	s.topics.Add(-1)
	s.bytes.Add(-h.cost())
}
