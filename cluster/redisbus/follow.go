package redisbus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/topic"
)

// An entry is a channel that is followed, or is being left. Bus.mu guards it.
type entry struct {
	subscription
	topic, channel string
	sink           topic.Sink
	waiting        []chan error // each takes one value

	link     *link     // unless adrift
	listed   bool      // in one of the lists adrift, parked, link.dirty
	alone    bool      // to be asked for by a command of its own
	refusals int       // in a row
	notYet   time.Time // not to be placed before
}

// waiters are calls of Follow that can return.
type waiters []waiter

type waiter struct {
	to  chan error
	err error
}

func (ws waiters) tell() {
	for _, w := range ws {
		w.to <- w.err
	}
}

// release takes the waiting calls out; they return err.
func (e *entry) release(err error) waiters {
	ws := make(waiters, len(e.waiting))
	for i, to := range e.waiting {
		ws[i] = waiter{to, err}
	}
	e.waiting = nil
	return ws
}

// dismiss ends waiting calls with an error, which leaves nothing followed.
func (e *entry) dismiss(err error) waiters {
	if len(e.waiting) == 0 {
		return nil
	}
	e.unfollow()
	return e.release(err)
}

// Follow begins to hand frames of the topic to a Sink and returns when Redis has
// confirmed the subscription. While there is no connection it waits for one, until
// ctx ends; while the breaker is open it fails at once, with an error that wraps
// breaker.ErrOpen. After an error nothing is followed.
func (b *Bus) Follow(ctx context.Context, name string, to topic.Sink) error {
	answer := make(chan error, 1)
	e, ready, err := b.begin(ctx, name, to, answer)
	if err == nil && !ready {
		select {
		case err = <-answer:
		case <-ctx.Done():
			err = b.abandon(ctx, e, answer)
		}
	}
	if err != nil {
		return fmt.Errorf("redisbus: follow: %w", err)
	}
	return nil
}

func (b *Bus) begin(ctx context.Context, name string, to topic.Sink, answer chan error) (e *entry, ready bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	channel := b.conn.Names().Channel(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, false, ErrClosed
	}
	e = b.entries[channel]
	if e == nil {
		e = &entry{topic: name, channel: channel}
		b.entries[channel] = e
	}
	e.sink = to
	if e.phase != on {
		if err := b.refuse(); err != nil {
			b.drop(e)
			return nil, false, err
		}
	}
	if e.follow() {
		return e, true, nil
	}
	e.waiting = append(e.waiting, answer)
	b.advance(e)
	return e, false, nil
}

// refuse says why it makes no sense to wait for a connection.
func (b *Bus) refuse() error {
	br := b.conn.Breaker()
	if br == nil || b.connected() {
		return nil
	}
	if s := br.State(); s != breaker.Healthy {
		return &breaker.OpenError{Backend: br.Backend(), State: s}
	}
	return nil
}

// abandon takes a call back whose context ended.
func (b *Bus) abandon(ctx context.Context, e *entry, answer chan error) error {
	b.mu.Lock()
	i := slices.Index(e.waiting, answer)
	if i < 0 { // it was answered at the same time
		b.mu.Unlock()
		return <-answer
	}
	e.waiting = slices.Delete(e.waiting, i, i+1)
	if len(e.waiting) == 0 {
		b.drop(e)
	}
	b.mu.Unlock()
	return ctx.Err()
}

// Unfollow ends it and returns at once.
func (b *Bus) Unfollow(name string) {
	b.mu.Lock()
	e := b.entries[b.conn.Names().Channel(name)]
	if e == nil {
		b.mu.Unlock()
		return
	}
	left := e.release(ErrUnfollowed)
	b.drop(e)
	b.mu.Unlock()
	left.tell()
}

func (b *Bus) drop(e *entry) {
	e.unfollow()
	b.advance(e)
}

// advance sees to the entry's next step. The caller holds mu.
func (b *Bus) advance(e *entry) {
	switch e.next() {
	case place:
		if !e.listed {
			e.listed = true
			b.adrift = append(b.adrift, e)
		}
		b.wakePlacer()
	case subscribe, unsubscribe:
		if !e.listed {
			e.listed = true
			e.link.dirty = append(e.link.dirty, e)
		}
		wake(e.link.wake)
	case forget:
		if b.entries[e.channel] == e {
			delete(b.entries, e.channel)
		}
		b.detach(e)
	case rest:
	}
}

func (b *Bus) detach(e *entry) {
	if e.link != nil {
		delete(e.link.entries, e)
		e.link, e.listed = nil, false
	}
}

func (b *Bus) wakePlacer() { wake(b.kick) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// following is the number of topics that are followed or being left.
func (b *Bus) following() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.entries)
}
