package actors

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// A Keeper holds the actors of one kind, one per key: it spawns them when they
// are first told something and retires them when they are idle. Its methods may
// be called from any goroutine; Close not from one of its own actors.
type Keeper[M any] struct {
	system   *System
	kind     Kind[M]
	patience patience
	metrics  kindMetrics
	root     *actor.RootContext
	seed     maphash.Seed
	shards   [shardCount]shard[M]
	closed   atomic.Bool
	census   census
	sweeper  sweeper
}

// NewKeeper returns a Keeper without actors; System.Close closes it. It panics
// when the kind has no Name or no New, or a limit is out of range. The keeper of
// a closed system is closed.
func NewKeeper[M any](s *System, kind Kind[M]) *Keeper[M] {
	kind.mustBeValid()
	kind = kind.withDefaults()
	k := &Keeper[M]{
		system:  s,
		kind:    kind,
		metrics: s.metrics.of(kind.Name),
		root:    s.core.Root.Copy().WithGuardian(&guardian{}),
		seed:    maphash.MakeSeed(),
		patience: patience{
			minBackoff: kind.MinBackoff, maxBackoff: kind.MaxBackoff,
			window: kind.FailureWindow, limit: kind.MaxFailures, jitter: 0.25,
		},
	}
	k.root.Self() // registers the guardian now: two spawns at once would register two
	k.census.empty = make(chan struct{})
	k.sweeper.scan = k.scan
	for i := range k.shards {
		k.shards[i].init()
	}
	if !s.adopt(k) {
		k.stopTaking()
	}
	return k
}

// Tell hands m to the actor of key, spawning it if there is none. It returns
// ErrFull, or ErrClosed once the keeper closes; m was not taken then. It never blocks.
func (k *Keeper[M]) Tell(key string, m M) error {
	for {
		c, err := k.findOrSpawn(key)
		if err != nil {
			return err
		}
		if err = c.post(m); err != errRetired {
			return err
		}
		// Retired between the two steps. It was unlisted in the step that shut it,
		// so the next look finds or makes its successor.
		if k.closed.Load() {
			return ErrClosed
		}
	}
}

// TellExisting hands m to the actor of key if it is alive, and reports whether
// it was. It returns ErrFull and ErrClosed like Tell.
func (k *Keeper[M]) TellExisting(key string, m M) (bool, error) {
	for {
		c := k.find(key)
		if k.closed.Load() {
			return false, ErrClosed
		}
		if c == nil {
			return false, nil
		}
		switch err := c.post(m); err {
		case nil:
			return true, nil
		case errRetired:
		default:
			return true, err
		}
	}
}

// Broadcast hands m to every live actor and returns how many took it; a full one
// does not. All get the same m: if it is a Refuser it may be refused many times.
func (k *Keeper[M]) Broadcast(m M) int {
	took := 0
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.RLock()
		for _, c := range sh.cells {
			if c.post(m) == nil {
				took++
			}
		}
		sh.mu.RUnlock()
	}
	return took
}

// Len returns how many actors are alive.
func (k *Keeper[M]) Len() int {
	n := 0
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.RLock()
		n += len(sh.cells)
		sh.mu.RUnlock()
	}
	return n
}

// Keys returns the keys whose actors are alive, in no order.
func (k *Keeper[M]) Keys() []string {
	var keys []string
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.RLock()
		keys = slices.AppendSeq(keys, maps.Keys(sh.cells))
		sh.mu.RUnlock()
	}
	return keys
}

// Close stops taking messages and waits until every actor has handled what it
// had, work given to Context.Go included, and was flushed and stopped. When ctx
// ends first, actors stop after the message in hand, the rest of their queues is
// refused with ErrClosed, and Close returns an error without waiting further.
// Close may be called again, to wait again.
func (k *Keeper[M]) Close(ctx context.Context) error {
	for _, c := range k.stopTaking() {
		c.seal()
	}
	select {
	case <-k.census.empty:
		k.system.disown(k)
		return nil
	case <-ctx.Done():
	}
	for _, c := range k.listed() {
		c.halt()
	}
	return fmt.Errorf("actors: close keeper of %s: %w", k.kind.Name, ctx.Err())
}

// stopTaking makes the keeper answer ErrClosed and returns the actors it has.
func (k *Keeper[M]) stopTaking() []*cell[M] {
	k.closed.Store(true)
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.Lock()
		sh.closed = true
		sh.mu.Unlock()
	}
	k.sweeper.close()
	k.census.close()
	return k.listed()
}

// seal lets the actor finish what it has and then stop.
func (c *cell[M]) seal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake == open {
		c.intake, c.reason = sealed, ErrClosed
		c.kick()
	}
}

// halt stops the actor after the message in hand.
func (c *cell[M]) halt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake != shut {
		c.intake, c.reason = shut, ErrClosed
		c.push(stopMessage)
	}
}
