package membus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var (
	// ErrClosed is returned by nodes of a Bus that was closed.
	ErrClosed = errors.New("membus: closed")

	// ErrDisconnected is returned by Publish of a node that is disconnected.
	ErrDisconnected = errors.New("membus: disconnected")

	// ErrUnfollowed ends a Follow whose topic was given up by Unfollow meanwhile.
	ErrUnfollowed = errors.New("membus: unfollowed")
)

// A Bus is what nodes of one process share. Its methods are safe for concurrent use.
type Bus struct {
	mu     sync.Mutex
	closed bool
	fail   error
	nodes  map[string]*Node

	faults Faults
	rand   *rand.Rand
	apart  []partition
}

// A partition keeps frames of either side from the other.
type partition struct {
	a, b  []string
	since time.Time
}

func (p partition) between(x, y string) bool {
	return slices.Contains(p.a, x) && slices.Contains(p.b, y) || slices.Contains(p.a, y) && slices.Contains(p.b, x)
}

// New returns a Bus without nodes and without faults.
func New() *Bus { return &Bus{nodes: make(map[string]*Node)} }

// Node returns the node of that name, which is connected.
func (b *Bus) Node(id string) *Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[id]
	if n == nil {
		n = &Node{bus: b, id: id, topics: make(map[string]*subscription), changed: make(chan struct{})}
		b.nodes[id] = n
	}
	return n
}

// Close ends every node, and every Follow under way. What was delayed is lost.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, n := range b.nodes {
		n.topics = nil
		n.clear()
		n.change()
	}
}

// Disconnect cuts a node off: it receives nothing, its Publish fails, and its Follow
// waits.
func (b *Bus) Disconnect(id string) {
	n := b.Node(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.gone {
		return
	}
	n.gone, n.since = true, time.Now()
	for _, it := range n.queue { // what is on its way is lost too
		if it.since.Before(n.since) {
			n.since = it.since
		}
	}
	n.clear()
}

// Reconnect ends it. Topics that the node followed are restored.
func (b *Bus) Reconnect(id string) {
	n := b.Node(id)
	b.mu.Lock()
	if n.gone && !b.closed {
		n.gone = false
		n.restore(n.since)
		n.change()
	}
	b.mu.Unlock()
	n.drain()
}

// Partition keeps the nodes of a and those of b from hearing each other, until Heal.
// Both sides can publish.
func (b *Bus) Partition(a, other []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.apart = append(b.apart, partition{slices.Clone(a), slices.Clone(other), time.Now()})
}

// Heal ends all partitions. What the nodes of both sides followed is restored, once
// per node, since the oldest partition that it was in.
func (b *Bus) Heal() {
	b.mu.Lock()
	since := make(map[string]time.Time)
	for _, p := range b.apart {
		for _, id := range slices.Concat(p.a, p.b) {
			if t, ok := since[id]; !ok || p.since.Before(t) {
				since[id] = p.since
			}
		}
	}
	b.apart = nil
	var told []*Node
	for _, id := range slices.Sorted(maps.Keys(since)) {
		if n := b.nodes[id]; n != nil && !n.gone && !b.closed {
			n.restore(since[id])
			told = append(told, n)
		}
	}
	b.mu.Unlock()
	for _, n := range told {
		n.drain()
	}
}

// Fail makes Publish and Follow of every node fail with err, as a backend does
// that is down; nil ends it.
func (b *Bus) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// Followers is how many nodes follow a topic.
func (b *Bus) Followers(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := 0
	for _, n := range b.nodes {
		if s := n.topics[name]; s != nil && s.ready {
			count++
		}
	}
	return count
}

// publish is Node.Publish.
func (b *Bus) publish(ctx context.Context, from *Node, name string, frame []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("membus: publish: %w", err)
	}
	b.mu.Lock()
	if err := b.refusal(from); err != nil {
		b.mu.Unlock()
		return err
	}
	var reached []*Node
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) { // an order, so that faults can be repeated
		n := b.nodes[id]
		if s := n.topics[name]; s != nil && s.ready && !n.gone && !b.parted(from.id, id) {
			b.deliver(n, s, name, frame)
			reached = append(reached, n)
		}
	}
	b.mu.Unlock()
	for _, n := range reached {
		n.drain()
	}
	return nil
}

func (b *Bus) parted(x, y string) bool {
	return slices.ContainsFunc(b.apart, func(p partition) bool { return p.between(x, y) })
}

func (b *Bus) refusal(from *Node) error {
	switch {
	case b.closed:
		return ErrClosed
	case b.fail != nil:
		return b.fail
	case from.gone:
		return ErrDisconnected
	}
	return nil
}

var _ topic.Relay = (*Node)(nil)
