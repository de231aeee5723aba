package memstore

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// A lifeIndex knows on which rosters each life of a node shows somebody, and which lives are
// over. Its lock is taken under that of a shard.
type lifeIndex struct {
	mu     sync.RWMutex
	on     map[string]map[string]bool
	buried map[string]time.Duration
}

func (v *lifeIndex) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.on, v.buried = make(map[string]map[string]bool), make(map[string]time.Duration)
}

// enter notes that a life is to show somebody on a roster, if it is, and reports whether the
// life may do anything at all.
func (v *lifeIndex) enter(life, name string, shows bool) bool {
	v.mu.RLock()
	_, buried := v.buried[life]
	known := v.on[life][name]
	v.mu.RUnlock()
	if buried || known || !shows {
		return !buried
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, buried := v.buried[life]; buried {
		return false
	}
	if v.on[life] == nil {
		v.on[life] = make(map[string]bool)
	}
	v.on[life][name] = true
	return true
}

// leave notes that a life shows nobody on a roster.
func (v *lifeIndex) leave(life, name string) {
	v.mu.RLock()
	known := v.on[life][name]
	v.mu.RUnlock()
	if !known {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if delete(v.on[life], name); len(v.on[life]) == 0 {
		delete(v.on, life)
	}
}

// bury ends a life and returns the rosters that it was on, with others, each once.
func (v *lifeIndex) bury(life string, also []string, now time.Duration) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for other, at := range v.buried {
		if now-at > rosterTomb {
			delete(v.buried, other)
		}
	}
	v.buried[life] = now
	names := make(map[string]bool, len(also))
	for name := range v.on[life] {
		names[name] = true
	}
	for _, name := range also {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
