package pgbus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// An entry is a topic that is followed. Bus.mu guards it.
type entry struct {
	sink    topic.Sink
	live    bool         // its frames arrive, or did before the connection was lost
	waiting []chan error // each takes one value
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

// Follow begins to hand frames of the topic to a Sink. It returns at once if the node listens; else it waits for that, until
// ctx ends, unless the server refuses or the breaker is open. After an error nothing is followed.
func (b *Bus) Follow(ctx context.Context, name string, to topic.Sink) error {
	answer := make(chan error, 1)
	e, err := b.begin(ctx, name, to, answer)
	if e != nil {
		select {
		case err = <-answer:
		case <-ctx.Done():
			err = b.abandon(ctx, name, e, answer)
		}
	}
	if err != nil {
		return fmt.Errorf("pgbus: follow: %w", err)
	}
	return nil
}

// begin returns an entry if there is something to wait for.
func (b *Bus) begin(ctx context.Context, name string, to topic.Sink, answer chan error) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if err := b.db.Refusal(); err != nil && !b.listening {
		delete(b.entries, name)
		return nil, err
	}
	e := b.entries[name]
	if e == nil {
		e = &entry{}
		b.entries[name] = e
	}
	e.sink = to
	if b.listening {
		e.live = true
		return nil, nil
	}
	e.waiting = append(e.waiting, answer)
	return e, nil
}

// abandon takes a call back whose context ended.
func (b *Bus) abandon(ctx context.Context, name string, e *entry, answer chan error) error {
	b.mu.Lock()
	i := slices.Index(e.waiting, answer)
	if i < 0 { // it was answered at the same time
		b.mu.Unlock()
		return <-answer
	}
	e.waiting = slices.Delete(e.waiting, i, i+1)
	if len(e.waiting) == 0 {
		b.drop(name, e)
	}
	b.mu.Unlock()
	return ctx.Err()
}

// Unfollow ends it and returns at once.
func (b *Bus) Unfollow(name string) {
	b.mu.Lock()
	var left waiters
	if e := b.entries[name]; e != nil {
		left = e.release(ErrUnfollowed)
		b.drop(name, e)
	}
	b.mu.Unlock()
	left.tell()
}

func (b *Bus) drop(name string, e *entry) {
	if b.entries[name] == e {
		delete(b.entries, name)
	}
}

// onListening tells those that were followed before of the interruption, and then those that
// wait that they need not any more.
func (b *Bus) onListening(since time.Time) {
	b.in = pgdb.Assembler{}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.listening = true
	told := b.down
	b.down = false
	interrupted := b.live()
	var left waiters
	for _, e := range b.entries {
		e.live = true
		left = append(left, e.release(nil)...)
	}
	b.mu.Unlock()
	b.restore(interrupted, since)
	left.tell()
	if told {
		b.log.Info("relay restored")
	}
}

// follower is an entry as it was when the lock was held.
type follower struct {
	topic string
	sink  topic.Sink
}

// live are the entries whose frames arrived so far. The caller holds mu.
func (b *Bus) live() []follower {
	live := make([]follower, 0, len(b.entries))
	for name, e := range b.entries {
		if e.live {
			live = append(live, follower{name, e.sink})
		}
	}
	return live
}

func (b *Bus) restore(all []follower, since time.Time) {
	for _, f := range all {
		f.sink.Restored(f.topic, since)
	}
	b.metrics.restored.Add(float64(len(all)))
}

// onLost lets nobody wait who asked before a server refused. Who asks later waits for the next try.
func (b *Bus) onLost(err error) {
	b.mu.Lock()
	if b.listening {
		b.metrics.interruptions.Inc()
	}
	b.listening = false
	told := b.down || b.closed
	b.down = true
	var left waiters
	if refusal(err) {
		b.metrics.refused.Inc()
		left = b.dismiss(err)
	}
	b.mu.Unlock()
	left.tell()
	if !told {
		b.log.Warn("relay interrupted", "err", err)
	}
}

// dismiss ends waiting calls with an error, which leaves nothing followed. The caller holds mu.
func (b *Bus) dismiss(err error) (left waiters) {
	for name, e := range b.entries {
		if len(e.waiting) > 0 {
			left = append(left, e.release(err)...)
			b.drop(name, e)
		}
	}
	return left
}

// refusal reports whether the server said no in a way that will not change by itself: user, password, database, rights.
// That it is full, starts or stops does.
func refusal(err error) bool {
	code := pgdb.Code(err)
	return strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D") || strings.HasPrefix(code, "42") || code == "55000"
}

// following is the number of topics that are followed.
func (b *Bus) following() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.entries)
}
