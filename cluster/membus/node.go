package membus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A Node is one node's topic.Relay. Its methods are safe for concurrent use.
type Node struct {
	bus *Bus
	id  string

	// Bus.mu guards what follows.
	topics  map[string]*subscription // nil once the Bus is closed
	gone    bool
	since   time.Time     // gone
	changed chan struct{} // replaced when a waiting Follow has to look again

	queue    []item // by due, then in the order of enqueue
	latest   time.Time
	draining bool
	timer    *time.Timer
}

// A subscription is a topic that a node follows or waits to follow.
type subscription struct {
	to      topic.Sink
	ready   bool // a Follow has succeeded
	waiting int  // calls of Follow
}

// An item is a frame, or the end of an interruption, on its way to a Sink.
type item struct {
	due      time.Time
	sub      *subscription
	topic    string
	frame    []byte
	restored bool
	since    time.Time // the interruption began, or the frame was sent
}

// Publish hands the frame to all nodes that follow the topic, the own one too,
// before it returns, unless it is delayed or another goroutine is at it.
func (n *Node) Publish(ctx context.Context, name string, frame []byte) error {
	return n.bus.publish(ctx, n, name, frame)
}

// Follow begins to hand frames of the topic to a Sink. While the node is
// disconnected it waits, until ctx ends.
func (n *Node) Follow(ctx context.Context, name string, to topic.Sink) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("membus: follow: %w", err)
	}
	b := n.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if b.fail != nil {
		return b.fail
	}
	s := n.topics[name]
	if s == nil {
		s = &subscription{}
		n.topics[name] = s

	}
	s.to = to
	s.waiting++
	err := n.await(ctx, name, s)
	s.waiting--
	if err == nil {
		s.ready = true
	} else if s.waiting == 0 && n.topics[name] == s {
		delete(n.topics, name)
	}
	return err
}

// await waits for the connection. It is called with the lock, and gives it up while
// it waits.
func (n *Node) await(ctx context.Context, name string, s *subscription) error {
	b := n.bus
	for {
		switch {
		case b.closed:
			return ErrClosed
		case n.topics[name] != s:
			return ErrUnfollowed
		case ctx.Err() != nil:
			return fmt.Errorf("membus: follow: %w", ctx.Err())
		case !n.gone:
			return nil
		}
		changed := n.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		b.mu.Lock()
	}
}

// Unfollow ends it, and every Follow that waits.
func (n *Node) Unfollow(name string) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	if n.topics[name] != nil {
		delete(n.topics, name)
		n.change()
	}
}

func (n *Node) change() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// restore tells the Sinks that an interruption is over, before any frame that comes
// after it.
func (n *Node) restore(since time.Time) {
	for name, s := range n.topics {
		if s.ready {
			due := time.Now()
			if !n.bus.faults.Reorder && due.Before(n.latest) {
				due = n.latest
			}
			n.enqueue(item{due: due, sub: s, topic: name, restored: true, since: since})
		}
	}
}

// enqueue files an item behind those that are due no later.
func (n *Node) enqueue(it item) {
	at := len(n.queue)
	for at > 0 && n.queue[at-1].due.After(it.due) {
		at--
	}
	n.queue = slices.Insert(n.queue, at, it)
	if it.due.After(n.latest) {
		n.latest = it.due
	}
}

// clear forgets what is on its way.
func (n *Node) clear() {
	n.queue, n.latest = nil, time.Time{}
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
}

// drain hands over what is due, unless another goroutine is at it, and sets the
// timer for the rest. It is called without the lock.
func (n *Node) drain() {
	b := n.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.draining {
		return
	}
	n.draining = true
	for len(n.queue) > 0 && !n.queue[0].due.After(time.Now()) {
		it := n.queue[0]
		n.queue = n.queue[1:]
		if n.topics[it.topic] != it.sub {
			continue // unfollowed meanwhile
		}
		to := it.sub.to
		b.mu.Unlock()
		if it.restored {
			to.Restored(it.topic, it.since)
		} else {
			to.Received(it.topic, it.frame)
		}
		b.mu.Lock()
	}
	n.draining = false
	if len(n.queue) > 0 {
		n.rouse(time.Until(n.queue[0].due))
	}
}

func (n *Node) rouse(after time.Duration) {
	if n.timer == nil {
		n.timer = time.AfterFunc(after, n.drain)
		return
	}
	n.timer.Reset(after)
}
