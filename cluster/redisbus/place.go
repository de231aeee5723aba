package redisbus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"
)

// Bounds of the pause before a connection is tried again, and before the server is
// asked again for what it refused. Both are jittered: many nodes lose
// their connections at the same moment.
const (
	firstPause   = 10 * time.Millisecond
	lookupPause  = 100 * time.Millisecond // where a Cluster does not say who serves a slot
	longestPause = 2 * time.Second
)

// patience is how long an address is left alone.
type patience struct {
	*backoff.ExponentialBackOff
	until time.Time
	down  bool // said so, and not up since
}

func (b *Bus) patienceOf(addr string) *patience {
	p := b.patience[addr]
	if p == nil {
		p = &patience{ExponentialBackOff: backoff.NewExponentialBackOff()}
		p.InitialInterval, p.MaxInterval, p.Multiplier = firstPause, longestPause, 2
		b.patience[addr] = p
	}
	return p
}

// placeAll gives channels to connections until ctx ends: in the order in which they
// ask for it, and again when theirs was lost.
func (b *Bus) placeAll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.kick:
		case <-timer.C:
		}
		b.placeNow(ctx)
		timer.Reset(time.Until(b.nextPlacing()))
	}
}

func (b *Bus) placeNow(ctx context.Context) {
	if !b.placeHome(ctx) {
		return
	}
	for some := range slices.Chunk(b.takeAdrift(), portion) {
		servers := make([]*redis.Options, len(some))
		errs := make([]error, len(some))
		for i, e := range some {
			if i > 0 && errors.Is(errs[i-1], context.DeadlineExceeded) {
				errs[i] = errs[i-1] // the others would wait as long
				continue
			}
			servers[i], errs[i] = b.locate(ctx, e.channel)
		}
		b.mu.Lock()
		for i, e := range some {
			if e.next() == place && !e.listed {
				b.put(ctx, e, servers[i], errs[i])
			}
		}
		b.mu.Unlock()
	}
}

// placeHome sees to the connection that stands even if nothing is followed: by it
// the node notices an outage, and heals the breaker. The rest waits for
// it, except in a Cluster, where it is one master of several.
func (b *Bus) placeHome(ctx context.Context) (goOn bool) {
	b.mu.RLock()
	settled := b.homeLink != nil
	b.mu.RUnlock()
	if settled {
		return true
	}
	opts, err := b.locate(ctx, b.home)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.homeNext = time.Now().Add(jitter(lookupPause))
	if err == nil {
		b.homeLink = b.linkTo(ctx, opts, b.home)
		b.homeNext = b.patienceOf(opts.Addr).until
	}
	return b.homeLink != nil || b.conn.Cluster()
}

// takeAdrift returns what is to be placed now.
func (b *Bus) takeAdrift() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	later := b.parked[:0]
	for _, e := range b.parked {
		if e.notYet.After(now) && e.next() == place {
			later = append(later, e)
		} else {
			b.adrift = append(b.adrift, e)
		}
	}
	clear(b.parked[len(later):])
	b.parked = later
	taken := b.adrift
	b.adrift = nil
	for _, e := range taken {
		e.listed = false
	}
	return taken
}

// put gives an entry to its connection, or puts it off. The caller holds mu.
func (b *Bus) put(ctx context.Context, e *entry, opts *redis.Options, err error) {
	if err != nil {
		b.park(e, time.Now().Add(jitter(lookupPause)))
		return
	}
	l := b.linkTo(ctx, opts, e.channel)
	if l == nil {
		b.park(e, b.patienceOf(opts.Addr).until)
		return
	}
	e.link = l
	l.entries[e] = struct{}{}
	e.placed()
	b.advance(e)
}

// park puts an entry off. The caller holds mu.
func (b *Bus) park(e *entry, until time.Time) {
	e.notYet = until
	if !e.listed {
		e.listed = true
		b.parked = append(b.parked, e)
	}
}

// linkTo returns the connection to a server, a new one if its pause is over, or
// nil. The caller holds mu.
func (b *Bus) linkTo(ctx context.Context, opts *redis.Options, channel string) *link {
	if l := b.links[opts.Addr]; l != nil {
		return l
	}
	p := b.patienceOf(opts.Addr)
	if b.closed || ctx.Err() != nil || time.Now().Before(p.until) {
		return nil
	}
	l := newLink(b, opts, channel)
	b.links[opts.Addr] = l
	b.wait.Go(func() { l.run(ctx) })
	return l
}

// nextPlacing is when something that was put off is due.
func (b *Bus) nextPlacing() time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	next := time.Now().Add(time.Hour)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if b.homeLink == nil {
		sooner(b.homeNext)
		if !b.conn.Cluster() {
			return next // what is parked waits for it
		}
	}
	for _, e := range b.parked {
		sooner(e.notYet)
	}
	return next
}

// locate finds the server of a channel.
func (b *Bus) locate(ctx context.Context, channel string) (*redis.Options, error) {
	switch c := b.conn.Client().(type) {
	case *redis.Client:
		return c.Options(), nil
	case *redis.ClusterClient:
		ctx, cancel := context.WithTimeout(ctx, b.cfg.Ping)
		defer cancel()
		master, err := c.MasterForKey(ctx, channel)
		if err != nil {
			return nil, fmt.Errorf("redisbus: locate: %w", err)
		}
		return master.Options(), nil
	default:
		return nil, fmt.Errorf("redisbus: locate: %T is not a client for one server or a Cluster", c)
	}
}

// relocate has the Cluster's slots looked up anew, in the background.
func (b *Bus) relocate() {
	if c, ok := b.conn.Client().(*redis.ClusterClient); ok {
		c.ReloadState(context.Background())
	}
}

// jitter is between half and one and a half of d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
