package gateway

import (
	"context"
	"sync"
	"sync/atomic"
)

// pressure holds back the clients that publish while the shards have more to
// write than they get done. Their frames stay in their sockets meanwhile, and so
// the backlog is theirs, not the node's.
type pressure struct {
	bytes atomic.Int64

	mu     sync.Mutex
	relief chan struct{} // closed when it falls; nil if nobody waits
}

// Publishers wait above high and go on below low. Both lie well under maxWaiting.
const (
	pressureHigh = 8 << 20
	pressureLow  = 4 << 20
)

// add counts bytes that wait for a shard, or no longer do.
func (p *pressure) add(n int) {
	now := p.bytes.Add(int64(n))
	if n < 0 && now < pressureLow && now-int64(n) >= pressureLow {
		p.mu.Lock()
		if p.relief != nil {
			close(p.relief)
			p.relief = nil
		}
		p.mu.Unlock()
	}
}

// wait returns when there is room, or when ctx ends.
func (p *pressure) wait(ctx context.Context) {
	if p.bytes.Load() < pressureHigh {
		return
	}
	p.mu.Lock()
	if p.relief == nil {
		p.relief = make(chan struct{})
	}
	relief := p.relief
	p.mu.Unlock()
	if p.bytes.Load() < pressureLow { // it fell before relief was there
		return
	}
	select {
	case <-relief:
	case <-ctx.Done():
	}
}
