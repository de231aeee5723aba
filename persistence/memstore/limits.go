package memstore

import (
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// DefaultMaxLimitKeys is how many keys Limits remember.
const DefaultMaxLimitKeys = 1_000_000

// ErrLimitsFull is returned by Limits for a key that is new while as many as may be are
// remembered.
var ErrLimitsFull = errors.New("memstore: too many keys of limits are in use")

var _ ratelimit.LocalStore = (*Limits)(nil)

// Limits keep rate limits in the memory of one process. Several nodes of it may share
// them. Its methods are safe for concurrent use.
type Limits struct {
	began  time.Time
	seed   maphash.Seed
	most   int           // per shard
	turn   atomic.Uint32 // whose shard is swept next
	shards [shards]limitShard
}

// NewLimits returns Limits that remember at most so many keys; 0 or less stands for
// DefaultMaxLimitKeys. A key counts until its points are back and its block is over.
func NewLimits(maxKeys int) *Limits {
	if maxKeys <= 0 {
		maxKeys = DefaultMaxLimitKeys
	}
	l := &Limits{began: time.Now(), seed: maphash.MakeSeed(), most: (maxKeys + shards - 1) / shards}
	for i := range l.shards {
		l.shards[i].entries = make(map[limitKey]*limitEntry)
	}
	return l
}

// Local marks Limits as a ratelimit.LocalStore.
func (l *Limits) Local() {}

// Place implements ratelimit.Store.
func (l *Limits) Place(ratelimit.Policy, string) int { return 0 }

// Keys is how many keys are remembered.
func (l *Limits) Keys() (n int) {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		n += len(sh.entries)
		sh.mu.Unlock()
	}
	return n
}

// Take implements ratelimit.Store. It fails with ErrLimitsFull, or when ctx has ended.
func (l *Limits) Take(ctx context.Context, p ratelimit.Policy, batch []ratelimit.Want) ([]ratelimit.Grant, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	grants := make([]ratelimit.Grant, len(batch))
	terms := p.Terms()
	for i, w := range batch {
		var err error
		if grants[i], err = l.take(p.Name, terms, w); err != nil {
			return nil, err
		}
	}
	return grants, nil
}

func (l *Limits) take(name string, t ratelimit.Terms, w ratelimit.Want) (ratelimit.Grant, error) {
	l.shards[l.turn.Add(1)%shards].sweep(l.now())
	sh, key := l.shard(name, w.Key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := l.now()
	e := sh.entries[key]
	if e == nil {
		e = new(limitEntry)
	}
	grant, changed := e.meter.Take(now, t, w)
	if !changed {
		return grant, nil
	}
	return grant, sh.keep(key, e, now, t, l.most)
}

// Change implements ratelimit.Store.
func (l *Limits) Change(ctx context.Context, p ratelimit.Policy, name string, c ratelimit.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh, key := l.shard(p.Name, name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := l.now()
	e := sh.entries[key]
	if e == nil && c.Do != ratelimit.Ban {
		return nil
	}
	if e == nil {
		e = new(limitEntry)
	}
	e.meter.Change(now, c)
	return sh.keep(key, e, now, p.Terms(), l.most)
}

// Clear implements ratelimit.Store.
func (l *Limits) Clear(ctx context.Context, p ratelimit.Policy) error {
	for i := range l.shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.shards[i].clear(p.Name)
	}
	return nil
}

// Empty loses everything, as a backend does that is emptied. It is for tests.
func (l *Limits) Empty() {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		sh.entries, sh.ring, sh.hand = make(map[limitKey]*limitEntry), nil, 0
		sh.mu.Unlock()
	}
}

// now counts microseconds since the Limits began, whatever is done to the machine's clock.
func (l *Limits) now() int64 { return time.Since(l.began).Microseconds() }

func (l *Limits) shard(limit, name string) (*limitShard, limitKey) {
	key := limitKey{limit, name}
	return &l.shards[maphash.Comparable(l.seed, key)%shards], key
}

// A limitKey is a limit and a key of it.
type limitKey struct{ limit, name string }

// A limitEntry is what is remembered of a key until it is as good as new.
type limitEntry struct {
	meter ratelimit.Meter
	until int64
	place int // in the ring
}

// A limitShard owns some of the keys.
type limitShard struct {
	mu      sync.Mutex
	entries map[limitKey]*limitEntry
	ring    []limitKey // all of them, for sweep to walk along
	hand    int
}

// keep remembers an entry for as long as it says something.
func (sh *limitShard) keep(key limitKey, e *limitEntry, now int64, t ratelimit.Terms, most int) error {
	rest := e.meter.Rest(now, t)
	e.until = now + rest
	known := sh.entries[key] == e
	switch {
	case rest <= 0 && known:
		sh.forget(e.place)
	case rest > 0 && !known:
		if len(sh.ring) >= most {
			return ErrLimitsFull
		}
		key = limitKey{key.limit, strings.Clone(key.name)} // the caller's may be a part of something long
		e.place = len(sh.ring)
		sh.entries[key] = e
		sh.ring = append(sh.ring, key)
	}
	return nil
}

// sweep looks at two entries, so that those that are over go faster than others come.
func (sh *limitShard) sweep(now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for range 2 {
		if sh.hand >= len(sh.ring) {
			sh.hand = 0
		}
		if sh.hand == len(sh.ring) {
			return
		}
		if sh.entries[sh.ring[sh.hand]].until <= now {
			sh.forget(sh.hand)
		} else {
			sh.hand++
		}
	}
}

func (sh *limitShard) forget(place int) {
	delete(sh.entries, sh.ring[place])
	last := len(sh.ring) - 1
	if place != last {
		sh.ring[place] = sh.ring[last]
		sh.entries[sh.ring[place]].place = place
	}
	sh.ring[last] = limitKey{}
	sh.ring = sh.ring[:last]
	if last == 0 {
		sh.entries, sh.ring = make(map[limitKey]*limitEntry), nil // neither gives memory back
	}
}

func (sh *limitShard) clear(limit string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := len(sh.ring) - 1; i >= 0; i-- {
		if sh.ring[i].limit == limit {
			sh.forget(i)
		}
	}
}
