package redisbus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// read hands on what comes. It never waits for anybody else, as Redis
// ends connections that are read too slowly.
func (l *link) read(ctx context.Context, n *line) error {
	for {
		reply, err := n.Receive(ctx)
		if refusal, ok := errors.AsType[redis.Error](err); ok {
			err = l.refused(refusal)
		}
		if err != nil {
			return n.explain(err)
		}
		switch m := reply.(type) {
		case *redis.Message:
			l.message(m)
		case *redis.Subscription:
			if err := l.answered(m.Channel, strings.HasSuffix(m.Kind, "unsubscribe")); err != nil {
				return err
			}
		}
	}
}

func (l *link) message(m *redis.Message) {
	b := l.bus
	if len(m.Payload) > MaxFrame {
		b.metrics.tooLarge.Inc()
		return
	}
	if m.Channel == l.probe {
		l.heard(m.Payload)
		return
	}
	b.mu.RLock()
	e := b.entries[m.Channel]
	if e == nil || e.link != l || !e.live() {
		b.mu.RUnlock()
		if _, ours := b.conn.Names().TopicOf(m.Channel); !ours {
			b.metrics.foreign.Inc()
		}
		return
	}
	name, to := e.topic, e.sink
	b.mu.RUnlock()
	b.metrics.received.Inc()
	b.metrics.receivedBytes.Add(float64(len(m.Payload)))
	to.Received(name, []byte(m.Payload))
}

// answered takes a confirmation.
func (l *link) answered(channel string, off bool) error {
	b := l.bus
	b.mu.Lock()
	e := b.entries[channel]
	if e != nil && e.link != l {
		e = nil
	}
	if off && (e == nil || e.phase != leaving) {
		defer b.mu.Unlock()
		return l.thrownOut(channel, e)
	}
	if !l.settle(off) {
		b.mu.Unlock()
		return errUnasked
	}
	var tell func()
	switch {
	case channel == l.probe:
		l.rise()
	case off:
		e.back()
		b.advance(e)
	case e != nil && e.phase == asking:
		tell = l.joined(e)
	}
	b.mu.Unlock()
	if tell != nil {
		tell()
	}
	return nil
}

// settle counts an answer to the command that it must belong to.
func (l *link) settle(off bool) bool {
	if len(l.pending) == 0 || (l.pending[0].what == unsubscribe) != off {
		return false
	}
	c := &l.pending[0]
	// What the server did before it answered has arrived.
	l.knownGood(c.at)
	if c.left--; c.left == 0 {
		l.pop()
	}
	if l.inflight--; len(l.dirty) > 0 {
		wake(l.wake)
	}
	return true
}

func (l *link) pop() {
	if l.pending = l.pending[1:]; len(l.pending) == 0 {
		l.pending = nil
	}
}

func (l *link) knownGood(at time.Time) {
	if at.After(l.good) {
		l.good = at
	}
}

// rise is called when the first answer shows that the connection works.
func (l *link) rise() {
	l.up = true
	p := l.bus.patienceOf(l.opts.Addr)
	p.Reset()
	if p.down {
		p.down = false
		l.bus.log.Info("relay restored")
	}
}

// joined returns what is to be told without the lock: first that the interruption
// is over, then that Follow can return.
func (l *link) joined(e *entry) (tell func()) {
	since, restored := e.since, e.joined()
	e.alone, e.refusals = false, 0
	left := e.release(nil)
	name, to := e.topic, e.sink
	l.bus.advance(e)
	return func() {
		if restored {
			l.bus.metrics.restored.Inc()
			to.Restored(name, since)
		}
		left.tell()
	}
}

// thrownOut takes an end of a subscription that nobody asked for: its slot went to
// another master.
func (l *link) thrownOut(channel string, e *entry) error {
	if channel == l.probe {
		return errMoved
	}
	if e == nil {
		return errUnasked
	}
	b := l.bus
	if e.live() {
		b.metrics.interruptions.Inc()
	}
	e.lost(l.good)
	b.detach(e)
	b.relocate()
	b.later(e, firstPause)
	return nil
}

// later has an entry that is on no connection placed after about d, or forgotten.
func (b *Bus) later(e *entry, d time.Duration) {
	if e.next() == place {
		b.park(e, time.Now().Add(jitter(d)))
		b.wakePlacer()
		return
	}
	b.advance(e)
}

// refused takes an error, which is the whole answer to the oldest command.
func (l *link) refused(refusal redis.Error) error {
	b := l.bus
	b.mu.Lock()
	if len(l.pending) == 0 {
		b.mu.Unlock()
		return refusal
	}
	c := l.pending[0]
	l.pop()
	l.inflight -= c.left
	wake(l.wake)
	b.metrics.refused.Inc()
	if c.probe {
		defer b.mu.Unlock()
		if transient(refusal) {
			return refusal
		}
		l.muted, l.up = true, true
		b.log.Warn("relay can not hear its own ping", "err", refusal)
		return nil
	}
	var left waiters
	for _, e := range c.entries {
		left = append(left, l.refusedOne(e, len(c.entries) > 1, refusal)...)
	}
	b.mu.Unlock()
	left.tell()
	return nil
}

// refusedOne decides what becomes of one channel. Those that were refused together
// are asked for one by one. Who waits is told; what was followed before
// is asked for again and again.
func (l *link) refusedOne(e *entry, together bool, refusal error) (left waiters) {
	b := l.bus
	switch {
	case e.link != l:
		return nil
	case e.phase == leaving: // the server knows nothing of it any more
		e.back()
		b.advance(e)
		return nil
	case together:
		e.alone = true
		e.back()
		b.advance(e)
		return nil
	}
	e.lost(l.good)
	b.detach(e)
	if !transient(refusal) {
		left = e.dismiss(refusal)
	} else {
		b.relocate()
	}
	e.refusals++
	b.later(e, min(firstPause<<min(e.refusals, 10), longestPause))
	return left
}

// transient reports an answer that will be another one soon: the server is starting,
// or the slot is on its way to another master.
func transient(err error) bool {
	for _, code := range []string{"MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "LOADING", "MASTERDOWN"} {
		if strings.HasPrefix(err.Error(), code) {
			return true
		}
	}
	return false
}
