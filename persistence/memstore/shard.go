package memstore

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// lives is how many generations a shard counts. See shard.lives.
const lives = 1024

// A shard owns the histories of some of the topics.
type shard struct {
	mu     sync.Mutex
	topics map[string]*history

	// A list of the histories by use. longest is the use of the last of them, by the
	// Store's count, for evict to compare shards without locking them.
	newest, oldest *history
	longest        atomic.Uint64

	// How often histories have ended here. Topics whose hashes agree share a number:
	// nothing is remembered of a topic that has no history, and still its
	// next epoch differs from the last. nil: none has ended.
	lives []uint32
}

// unused is the longest of a shard without histories.
const unused = math.MaxUint64

// find returns the history of a topic, nil if there is none, and marks it as used.
func (sh *shard) find(name string, use uint64) *history {
	h := sh.topics[name]
	if h != nil && h != sh.newest {
		sh.unlink(h)
		sh.link(h)
	}
	if h != nil {
		h.used = use
		sh.longest.Store(sh.oldest.used)
	}
	return h
}

func (sh *shard) create(name, epoch string, use uint64) *history {
	name = strings.Clone(name) // the caller's may be a part of something long
	h := &history{name: name, epoch: epoch, used: use}
	if sh.topics == nil {
		sh.topics = make(map[string]*history)
	}
	sh.topics[name] = h
	sh.link(h)
	sh.longest.Store(sh.oldest.used)
	return h
}

// remove ends a history. The topic's next one has another epoch.
func (sh *shard) remove(h *history) {
	delete(sh.topics, h.name)
	if len(sh.topics) == 0 {
		sh.topics = nil // a map does not give memory back
	}
	sh.unlink(h)
	if sh.oldest == nil {
		sh.longest.Store(unused)
	} else {
		sh.longest.Store(sh.oldest.used)
	}
}

func (sh *shard) link(h *history) {
	if h.older = sh.newest; h.older != nil {
		h.older.newer = h
	} else {
		sh.oldest = h
	}
	sh.newest = h
}

func (sh *shard) unlink(h *history) {
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		sh.newest = h.older
	}
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		sh.oldest = h.newer
	}
	h.newer, h.older = nil, nil
}

// end makes the epoch of the topics with this hash another one from now on.
func (sh *shard) end(hash uint64) {
	if sh.lives == nil {
		sh.lives = make([]uint32, lives)
	}
	sh.lives[hash/shards%lives]++
}

// epoch is that of a topic with this hash that has no history.
func (sh *shard) epoch(base string, hash uint64) string {
	if sh.lives == nil || sh.lives[hash/shards%lives] == 0 {
		return base
	}
	return base + "." + strconv.FormatUint(uint64(sh.lives[hash/shards%lives]), 36)
}
