package bustest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var (
	errRefused    = errors.New("refused")
	errUnfollowed = errors.New("unfollowed")
)

// A plainBus is the least that passes the suite. Every fault in breaks makes it fail;
// see TestSuiteCatches.
type plainBus struct {
	mu       sync.Mutex
	nodes    [3]*plainNode
	refusing bool
	requests int
	sent     int
	faults
}

type plainNode struct {
	bus     *plainBus
	number  int
	subs    map[string][]*plainSub // one each, unless there is a fault
	broken  bool
	since   time.Time
	debt    bool          // the next Follow is undone
	changed chan struct{} // replaced when a waiting Follow has to look again
}

type plainSub struct {
	to    topic.Sink
	ready bool
	stale bool // to be told that it is restored, after the next frame
}

func newPlain(f faults) *plainBus {
	b := &plainBus{faults: f.withDefaults()}
	for i := range b.nodes {
		b.nodes[i] = &plainNode{bus: b, number: i, subs: map[string][]*plainSub{}, changed: make(chan struct{})}
	}
	return b
}

func (b *plainBus) scene() *Scene {
	s := &Scene{Break: b.cut, Mend: b.mend, Refuse: b.refuse, Followers: b.followers}
	s.Requests = func() int { b.mu.Lock(); defer b.mu.Unlock(); return b.requests }
	for i, n := range b.nodes {
		s.Nodes[i] = n
	}
	return s
}

func (n *plainNode) Publish(ctx context.Context, name string, frame []byte) error {
	b := n.bus
	if ctx.Err() != nil && !b.publishLate {
		return ctx.Err()
	}
	b.mu.Lock()
	if b.publisherFollows && len(n.subs[b.name(name)]) == 0 {
		b.mu.Unlock()
		return errRefused
	}
	b.sent++
	var calls []func()
	for _, other := range b.nodes {
		if !other.broken {
			calls = append(calls, b.calls(n, other, name, frame)...)
		}
	}
	b.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return nil
}

// calls is what the node's Sinks are to be told of a frame.
func (b *plainBus) calls(from, to *plainNode, name string, frame []byte) (calls []func()) {
	for followed, subs := range to.subs {
		if followed != b.name(name) && !b.everywhere {
			continue
		}
		for _, s := range subs {
			sink, since := s.to, to.since
			for range b.copies(b.sent, from.number, to.number) {
				if s.ready {
					f := b.carry(frame)
					calls = append(calls, func() { sink.Received(name, f) })
				}
			}
			if s.stale {
				s.stale = false
				calls = append(calls, func() { sink.Restored(name, since) })
			}
		}
	}
	return calls
}

func (n *plainNode) Follow(ctx context.Context, name string, to topic.Sink) error {
	b := n.bus
	if ctx.Err() != nil && !b.followLate {
		return ctx.Err()
	}
	if b.followAsync {
		time.AfterFunc(time.Millisecond, func() { _ = n.follow(context.Background(), name, to) })
		return nil
	}
	return n.follow(ctx, name, to)
}

func (n *plainNode) follow(ctx context.Context, name string, to topic.Sink) error {
	b := n.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests += b.cost
	key := b.name(name)
	if b.refusing && !b.acceptRefused {
		return b.onRefused(ctx, n, key, to)
	}
	if b.impatient && n.broken {
		return errRefused
	}
	s := n.entry(key, to)
	if err := n.await(ctx, key, s); err != nil {
		if !b.keepAbandoned {
			n.remove(key, s)
		} else {
			s.ready = true
		}
		return err
	}
	if b.restoreNew && !s.ready {
		b.mu.Unlock()
		to.Restored(name, time.Now())
		b.mu.Lock()
	}
	s.ready = true
	if n.debt {
		n.remove(key, s)
		n.debt = false
	}
	return nil
}

func (n *plainNode) entry(key string, to topic.Sink) *plainSub {
	if subs := n.subs[key]; len(subs) > 0 && !n.bus.pileUp {
		if !n.bus.firstSink {
			subs[0].to = to
		}
		return subs[0]
	}
	s := &plainSub{to: to}
	n.subs[key] = append(n.subs[key], s)
	return s
}

func (n *plainNode) await(ctx context.Context, key string, s *plainSub) error {
	b := n.bus
	for n.broken {
		changed := n.changed
		b.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		b.mu.Lock()
		if err != nil {
			return err
		}
		if subs := n.subs[key]; len(subs) == 0 || subs[0] != s {
			return errUnfollowed
		}
	}
	return nil
}

func (n *plainNode) remove(key string, s *plainSub) {
	if subs := n.subs[key]; len(subs) > 0 && subs[0] == s {
		delete(n.subs, key)
	}
}

func (n *plainNode) Unfollow(name string) {
	b := n.bus
	if b.unfollowNever {
		return
	}
	if b.unfollowNext {
		b.mu.Lock()
		n.debt = true
		b.mu.Unlock()
		return
	}
	n.unfollow(b.name(name))
}

func (n *plainNode) unfollow(key string) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	if n.broken && n.bus.unfollowDeaf {
		return
	}
	delete(n.subs, key)
	n.change()
}

func (n *plainNode) change() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (b *plainBus) cut(node int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].broken, b.nodes[node].since = true, time.Now()
}

func (b *plainBus) mend(node int) {
	b.mu.Lock()
	n := b.nodes[node]
	var calls []func()
	n.broken = b.neverMend
	n.since = b.sinceOf(n.since)
	for name, subs := range n.subs {
		for _, s := range subs {
			sink, since := s.to, n.since
			for range b.restore(len(calls)) {
				if s.ready {
					calls = append(calls, func() { sink.Restored(name, since) })
				}
			}
			s.stale = s.ready && b.restoreLate
		}
	}
	n.change()
	b.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

func (b *plainBus) refuse(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusing = on
	for _, n := range b.nodes {
		if on && b.refusalDrops {
			clear(n.subs)
		}
	}
}

func (b *plainBus) followers(name string) (count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.nodes {
		for _, s := range n.subs[b.name(name)] {
			if s.ready {
				count++
			}
		}
	}
	return count
}

func (f faults) withDefaults() faults {
	or(&f.name, func(s string) string { return s })
	or(&f.carry, bytes.Clone)
	or(&f.copies, func(int, int, int) int { return 1 })
	or(&f.sinceOf, func(t time.Time) time.Time { return t })
	or(&f.onRefused, func(context.Context, *plainNode, string, topic.Sink) error { return errRefused })
	if f.restore == nil {
		f.restore = func(int) int { return 1 }
	}
	return f
}

func or[F any](f *F, def F) {
	if isNil(f) {
		*f = def
	}
}

var noBraces = strings.NewReplacer("{", "", "}", "")
