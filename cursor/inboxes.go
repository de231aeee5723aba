package cursor

import (
	"hash/maphash"
	"sync"
)

// inboxes finds the inbox of a topic. There is one while the topic's actor lives.
type inboxes struct {
	shards [64]inboxShard
}

type inboxShard struct {
	mu sync.RWMutex
	of map[string]*inbox
}

var inboxSeed = maphash.MakeSeed()

func (s *inboxes) shard(of string) *inboxShard {
	return &s.shards[maphash.String(inboxSeed, of)%uint64(len(s.shards))]
}

// get returns the inbox of a topic, or nil.
func (s *inboxes) get(of string) *inbox {
	sh := s.shard(of)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.of[of]
}

// open returns the inbox of a topic, and makes it if there is none. An actor that is not
// nil claims it.
func (s *inboxes) open(of string, a *actor, mk func() *inbox) *inbox {
	sh := s.shard(of)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	in := sh.of[of]
	if in == nil {
		in = mk()
		if sh.of == nil {
			sh.of = make(map[string]*inbox)
		}
		sh.of[of] = in
	}
	if a != nil {
		in.claim(a)
	}
	return in
}

// end ends the inbox of an actor that stops. Whoever found it before finds it dead.
func (s *inboxes) end(of string, in *inbox, a *actor) {
	sh := s.shard(of)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if in.end(a) && sh.of[of] == in {
		delete(sh.of, of)
		if len(sh.of) == 0 {
			sh.of = nil // a map does not give memory back
		}
	}
}
