package memstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

// How long a roster that nobody is on, and nobody asks for, keeps its epoch and version,
// and how long a life stays buried.
const (
	rosterIdle = 10 * time.Minute
	rosterTomb = 20 * time.Minute
)

// rosterBatch bounds the members that Bury drops in one step.
const rosterBatch = 500

var (
	_ roster.Store      = (*Rosters)(nil)
	_ roster.Closer     = (*Rosters)(nil)
	_ roster.Notebook   = (*Rosters)(nil)
	_ roster.LocalStore = (*LocalRosters)(nil)
)

// Rosters keeps who is on which roster in the memory of one process. It is a roster.Store,
// Closer and Notebook. Several nodes of the process may share it. Its methods are safe
// for concurrent use; there is nothing to close.
type Rosters struct {
	relay  topic.Relay
	began  time.Time
	seed   maphash.Seed
	lives  lifeIndex
	shards [shards]rosterShard
}

// NewRosters returns an empty store. What changes is published on the relay, roster by roster
// in order, before the call that changed it returns. Its Sinks must not call the store. Without
// a relay (nil) nobody is told.
func NewRosters(relay topic.Relay) *Rosters {
	r := &Rosters{relay: relay, began: time.Now(), seed: maphash.MakeSeed()}
	r.Empty()
	return r
}

// LocalRosters are Rosters of one node alone: its calls return at once, and tell nobody.
type LocalRosters struct{ *Rosters }

// NewLocalRosters returns an empty roster.LocalStore.
func NewLocalRosters() *LocalRosters { return &LocalRosters{NewRosters(nil)} }

// Local marks it as a roster.LocalStore.
func (*LocalRosters) Local() {}

// Empty loses everything and tells nobody, as a backend does that is emptied. It is for tests.
func (r *Rosters) Empty() {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		sh.rosters, sh.resting = make(map[string]*list), nil
		sh.mu.Unlock()
	}
	r.lives.clear()
}

// A rosterShard owns some of the rosters.
type rosterShard struct {
	order sync.Mutex // taken before mu by what publishes, and held until it has

	mu      sync.Mutex
	rosters map[string]*list
	resting []rest // those that may be forgotten some time, each once; in the order of when
}

// A rest is a roster without members that is looked at again at a time.
type rest struct {
	of   *list
	when time.Duration
}

func (r *Rosters) shard(name string) *rosterShard {
	return &r.shards[maphash.String(r.seed, name)%shards]
}

func (r *Rosters) now() time.Duration { return time.Since(r.began) }

// look runs f under the shard's lock with a roster, which is not kept if it was not there.
func (r *Rosters) look(ctx context.Context, what, name string, f func(l *list)) error {
	return r.with(ctx, what, name, func(_ *rosterShard, l *list, _ time.Duration) { f(l) })
}

// change does so and keeps it. The frame that f returns is published, in the order of the
// changes, whatever becomes of ctx.
func (r *Rosters) change(ctx context.Context, what, name string, f func(l *list) (frame []byte)) error {
	if r.relay != nil {
		sh := r.shard(name)
		sh.order.Lock()
		defer sh.order.Unlock()
	}
	var frame []byte
	err := r.with(ctx, what, name, func(sh *rosterShard, l *list, now time.Duration) {
		frame = f(l)
		sh.keep(l, now)
	})
	if err == nil && frame != nil && r.relay != nil {
		_ = r.relay.Publish(context.WithoutCancel(ctx), name, frame) // what is lost is noticed by the next version
	}
	return err
}

func (r *Rosters) with(ctx context.Context, what, name string, f func(sh *rosterShard, l *list, now time.Duration)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: %s: %w", what, err)
	}
	sh := r.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := r.now()
	l := sh.rosters[name]
	if l == nil || l.reopens(now) {
		l = &list{name: name}
	}
	l.used = now
	f(sh, l, now)
	return nil
}

// keep files a roster that has something to it, and forgets some that have nothing left.
func (sh *rosterShard) keep(l *list, now time.Duration) {
	if l.blank() {
		delete(sh.rosters, l.name)
	} else {
		sh.rosters[l.name] = l
	}
	if len(l.members) == 0 && !l.resting && !l.blank() {
		l.resting = true
		sh.resting = append(sh.resting, rest{l, now + rosterIdle})
	}
	for range 2 { // more than are added, so that none stays behind
		if len(sh.resting) == 0 || now < sh.resting[0].when {
			return
		}
		old := sh.resting[0].of
		sh.resting[0] = rest{}
		sh.resting = sh.resting[1:]
		switch {
		case sh.rosters[old.name] != old || len(old.members) > 0:
			old.resting = false
		case old.forgettable(now):
			delete(sh.rosters, old.name)
		default:
			sh.resting = append(sh.resting, rest{old, now + rosterIdle})
		}
	}
}
