package pgbus

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
)

// brokenBack is how long before a malformed packet came what it held may have been sent.
const brokenBack = 5 * time.Second

// watch asks the server now and then when nothing is sent, so that the breaker learns that it is gone, and that it is
// back, though nobody calls.
func (b *Bus) watch(ctx context.Context) {
	ticker := time.NewTicker(b.cfg.Ping)
	defer ticker.Stop()
	seen := b.answered.Load()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.makeUp()
		if calls := b.answered.Load(); calls != seen {
			seen = calls
			continue
		}
		b.asked(b.db.Ping(ctx))
	}
}

// asked lets nobody wait for a connection that will not come soon.
func (b *Bus) asked(err error) {
	if !errors.Is(err, breaker.ErrOpen) {
		return
	}
	b.mu.Lock()
	var left waiters
	if !b.listening {
		left = b.dismiss(err)
	}
	b.mu.Unlock()
	left.tell()
}

// makeUp tells everybody of packets that were malformed since the last time. Nothing but a stranger that
// sends on this channel can be the cause, so it is done at most once per tick.
func (b *Bus) makeUp() {
	at := b.broken.Swap(0)
	if at == 0 {
		return
	}
	b.log.Warn("relay packet malformed: does something else send on the channel?")
	b.mu.RLock()
	live := b.live()
	b.mu.RUnlock()
	b.restore(live, time.Unix(0, at).Add(-brokenBack))
}
