package ratelimit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/troupe-rt/troupe/actors"
)

// A face is what a key's actor shows to those who consume, so that most of them need
// not wait for its mailbox.
type face struct {
	ref   actors.Ref[message]
	known atomic.Pointer[knowledge]
}

const faceShards = 64

// faces are those of a limit's live actors.
type faces struct {
	seed   maphash.Seed
	shards [faceShards]struct {
		mu    sync.RWMutex
		byKey map[string]*face
	}
}

func (fs *faces) init() {
	fs.seed = maphash.MakeSeed()
	for i := range fs.shards {
		fs.shards[i].byKey = make(map[string]*face)
	}
}

func (fs *faces) find(key string) *face {
	sh := &fs.shards[maphash.String(fs.seed, key)%faceShards]
	sh.mu.RLock()
	f := sh.byKey[key]
	sh.mu.RUnlock()
	return f
}

func (fs *faces) show(key string, f *face) {
	sh := &fs.shards[maphash.String(fs.seed, key)%faceShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.byKey[key] = f
}

// hide removes f, but not that of a successor.
func (fs *faces) hide(key string, f *face) {
	sh := &fs.shards[maphash.String(fs.seed, key)%faceShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.byKey[key] != f {
		return
	}
	delete(sh.byKey, key)
	if len(sh.byKey) == 0 {
		sh.byKey = make(map[string]*face) // a map does not give memory back
	}
}
