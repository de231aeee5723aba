package cursor

import (
	"sync"
	"sync/atomic"
	"time"
)

// A clock numbers changes: by microseconds since 1970, and never the same twice. So the
// numbers of a key go up across actors, lives and restarts of its node.
type clock struct{ last atomic.Uint64 }

func (c *clock) next() uint64 {
	for {
		last := c.last.Load()
		n := max(last+1, uint64(max(0, time.Now().UnixMicro())))
		if c.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

const (
	maxObituary  = 1024
	obituaryTime = 24 * time.Hour // longer than any TTL
)

// An obituary knows the lives that are over, for a time: what still comes of them counts
// no more.
type obituary struct {
	mu    sync.RWMutex
	at    map[string]time.Time
	order []string
}

func (o *obituary) add(life string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.order) > 0 && (len(o.order) >= maxObituary || now.Sub(o.at[o.order[0]]) > obituaryTime) {
		delete(o.at, o.order[0])
		o.order = o.order[1:]
	}
	if _, known := o.at[life]; known {
		return
	}
	if o.at == nil {
		o.at = make(map[string]time.Time)
	}
	o.at[life] = now
	o.order = append(o.order, life)
}

func (o *obituary) has(life string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	_, dead := o.at[life]
	return dead
}
