package actors

import (
	"fmt"
	"hash/maphash"
	"maps"
	"strconv"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

const shardCount = 64

// A shard is a part of a keeper's actors. Its lock makes spawning one step, and
// retiring another, so that a key never has two actors.
type shard[M any] struct {
	mu       sync.RWMutex
	cells    map[string]*cell[M]
	spawning *cell[M] // what props hand to protoactor; guarded by mu, which a spawn holds
	props    *actor.Props
	peak     int // of len(cells) since cells was made
	closed   bool
}

// init makes the Props that all actors of the shard share. protoactor calls both
// producers once per spawn, with mu held, and never again, because a restart
// resumes the mailbox.
func (sh *shard[M]) init() {
	sh.cells = make(map[string]*cell[M])
	sh.props = actor.PropsFromProducer(
		func() actor.Actor { return sh.spawning },
		actor.WithMailbox(func() actor.Mailbox { return sh.spawning }))
}

func (k *Keeper[M]) shard(key string) *shard[M] {
	return &k.shards[maphash.String(k.seed, key)%shardCount]
}

func (k *Keeper[M]) find(key string) *cell[M] {
	sh := k.shard(key)
	sh.mu.RLock()
	c := sh.cells[key]
	sh.mu.RUnlock()
	return c
}

func (k *Keeper[M]) findOrSpawn(key string) (*cell[M], error) {
	sh := k.shard(key)
	sh.mu.RLock()
	c := sh.cells[key]
	sh.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	sh.mu.Lock()
	c = sh.cells[key]
	if c != nil || sh.closed {
		sh.mu.Unlock()
		if c == nil {
			return nil, ErrClosed
		}
		return c, nil
	}
	c, err := k.spawn(sh, key)
	sh.mu.Unlock()
	if err != nil {
		return nil, err
	}
	k.metrics.spawned.Inc()
	k.metrics.alive.Inc()
	k.trace("actor spawned", key)
	k.sweeper.want(k.kind.IdleAfter)
	return c, nil
}

// spawn makes and lists the actor of key. The caller holds the shard's lock. The
// name is one activation's own, so that a predecessor still stopping is not in
// the way.
func (k *Keeper[M]) spawn(sh *shard[M], key string) (*cell[M], error) {
	c := &cell[M]{keeper: k, key: key}
	c.self.c = c
	name := make([]byte, 0, len(k.kind.Name)+len(key)+16)
	name = append(append(append(append(name, k.kind.Name...), '/'), key...), '#')
	name = strconv.AppendUint(name, k.system.names.Add(1), 36)
	k.census.add()
	sh.spawning = c
	_, err := k.root.SpawnNamed(sh.props, string(name))
	sh.spawning = nil
	if err != nil {
		k.census.remove()
		return nil, fmt.Errorf("actors: spawn %s: %w", k.kind.Name, err)
	}
	sh.cells[key] = c
	sh.peak = max(sh.peak, len(sh.cells))
	return c, nil
}

// listed returns the actors that are alive.
func (k *Keeper[M]) listed() []*cell[M] {
	var all []*cell[M]
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.RLock()
		for _, c := range sh.cells {
			all = append(all, c)
		}
		sh.mu.RUnlock()
	}
	return all
}

// unlist removes c, but not a successor.
func (k *Keeper[M]) unlist(c *cell[M]) {
	sh := k.shard(c.key)
	sh.mu.Lock()
	sh.drop(c)
	sh.mu.Unlock()
}

// unlistIfIdle shuts and unlists c in one step, unless something came for it. A
// sender that still holds c is told that it is retired and looks again; one that
// looks finds the successor or nothing. So nothing is lost and no key has two.
func (k *Keeper[M]) unlistIfIdle(c *cell[M]) bool {
	sh := k.shard(c.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake != open || c.work > 0 || len(c.in) > 0 || len(c.system) > 0 {
		return false
	}
	c.shutFor(ErrPassivated)
	sh.drop(c)
	return true
}

// unlistFailed shuts and unlists c whatever it holds.
func (k *Keeper[M]) unlistFailed(c *cell[M]) {
	sh := k.shard(c.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.intake != shut {
		c.shutFor(ErrFailed)
		sh.drop(c)
	}
}

// shutFor stops the actor. The caller holds mu.
func (c *cell[M]) shutFor(reason error) {
	c.intake, c.reason = shut, reason
	c.push(stopMessage)
}

// drop removes c, but not a successor. A map does not give back what it grew to,
// so one that is mostly empty is made anew. The caller holds mu.
func (sh *shard[M]) drop(c *cell[M]) {
	if sh.cells[c.key] != c {
		return
	}
	delete(sh.cells, c.key)
	if n := len(sh.cells); sh.peak > 64 && n <= sh.peak/4 {
		smaller := make(map[string]*cell[M], n)
		maps.Copy(smaller, sh.cells)
		sh.cells, sh.peak = smaller, n
	}
}

// A census counts actors from spawn to the end of Stop and tells when the last
// of a closed keeper is gone.
type census struct {
	mu     sync.Mutex
	alive  int
	closed bool
	empty  chan struct{} // closed when closed and alive is 0
}

func (n *census) add() {
	n.mu.Lock()
	n.alive++
	n.mu.Unlock()
}

func (n *census) remove() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.alive--; n.closed && n.alive == 0 {
		close(n.empty)
	}
}

func (n *census) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		if n.alive == 0 {
			close(n.empty)
		}
	}
}
