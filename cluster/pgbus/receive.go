package pgbus

import (
	"bytes"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// received hands on the frames of topics that are followed. All nodes get all frames, so what is
// followed by nobody here costs as little as possible: it is decoded, looked up and forgotten.
func (b *Bus) received(n pgdb.Notification) {
	frames, err := b.in.Add(n)
	if err != nil {
		b.metrics.malformed.Inc()
		b.broken.CompareAndSwap(0, time.Now().UnixNano())
	}
	for _, f := range frames {
		b.mu.RLock()
		e := b.entries[f.Topic]
		if e == nil || !e.live {
			b.mu.RUnlock()
			b.metrics.unfollowed.Inc()
			continue
		}
		to := e.sink
		b.mu.RUnlock()
		b.metrics.received.Inc()
		b.metrics.receivedBytes.Add(float64(len(f.Body)))
		// A frame that is kept must not keep all those that came with it.
		to.Received(f.Topic, bytes.Clone(f.Body))
	}
}
