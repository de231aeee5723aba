package gateway

import (
	"bytes"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A backlog is what waits for a connection that takes less than it is sent. It
// decides what is kept and what goes, and writes nothing itself.
//
// Order on the wire: the rest of a frame that has begun, a pong, the queue, the
// close frame.
type backlog struct {
	limit int

	head   []byte   // the rest of what has been begun; always finished
	pong   []byte   // only the newest is owed (RFC 6455 §5.5.3)
	queue  []*entry // owned; dead entries are skipped
	final  []byte   // the close frame; nothing is taken after it
	ended  bool     // final has become head
	queued int      // bytes in queue that count against limit
	owed   int      // bytes in queue that the client asked for: answers and catch-ups
	dead   int

	newest map[eventKey]*entry // the entry to replace, for topics that conflate
	losses map[string]*entry   // the announcement that waits, by topic
}

type eventKey struct{ topic, event string }

// An entry is a run of frames.
type entry struct {
	buf    []byte
	events []*topic.Event // a frame of buf each, if they may be dropped
	slow   topic.Slow
	asked  bool  // by the client: counts as owed
	live   bool  // counts against the limit
	loss   *lost // an announcement; buf is made when it leaves
	dead   bool
}

// lost is what a topic's receiver did not get.
type lost struct {
	topic    string
	since    time.Time
	from, to uint64 // 0 without history
}

// addDirect queues frames for this connection alone, and copies them.
func (b *backlog) addDirect(p []byte) {
	if b.final != nil {
		return
	}
	if n := len(b.queue); n > 0 {
		if e := b.queue[n-1]; e.events == nil && e.loss == nil && !e.dead && e.asked && e.live && len(e.buf) < 16<<10 {
			e.buf = append(e.buf, p...)
			b.count(e, len(p))
			return
		}
	}
	b.push(&entry{buf: bytes.Clone(p), asked: true, live: true})
}

// addCatchup queues what a client asked for. It is shared, so it counts as owed
// only.
func (b *backlog) addCatchup(c *chunk) {
	if b.final == nil {
		c.kept = true
		b.push(&entry{buf: c.plain, asked: true})
	}
}

// start queues what a write has begun, whatever the limit.
func (b *backlog) start(c *chunk, t terms) {
	c.kept = true
	e := &entry{buf: c.plain, asked: t.asked, live: !t.asked}
	if !t.asked && t.slow != topic.SlowDisconnect {
		e.events, e.slow = c.events, t.slow
	}
	b.push(e)
}

// add queues live events under the topic's policy. It returns how many events
// were dropped, and false if the connection is to be closed instead.
func (b *backlog) add(c *chunk, slow topic.Slow, now time.Time) (dropped int, ok bool) {
	if b.final != nil {
		return 0, true
	}
	c.kept = true
	b.sweep()
	if slow == topic.SlowConflate {
		return b.conflate(c, now), true
	}
	dropped = b.makeRoom(len(c.plain), now)
	if b.queued+len(c.plain) <= b.limit {
		b.push(&entry{buf: c.plain, events: c.events, slow: slow, live: true})
		return dropped, true
	}
	if slow == topic.SlowDisconnect {
		return dropped, false
	}
	for _, e := range c.events {
		b.lose(len(b.queue), e, now)
	}
	return dropped + len(c.events), true
}

// conflate queues events and drops those that they supersede. What remains stays
// in the order of publishing.
func (b *backlog) conflate(c *chunk, now time.Time) (dropped int) {
	if b.newest == nil {
		b.newest = make(map[eventKey]*entry)
	}
	buf := c.plain
	for i, e := range c.events {
		n := frameSize(buf)
		key := eventKey{e.Topic(), e.Name()}
		if old := b.newest[key]; old != nil {
			b.kill(old)
			dropped++
		}
		dropped += b.makeRoom(n, now)
		if b.queued+n > b.limit {
			b.lose(len(b.queue), e, now)
			dropped++
			delete(b.newest, key)
		} else {
			entry := &entry{buf: buf[:n], events: c.events[i : i+1], slow: topic.SlowConflate, live: true}
			b.newest[key] = entry
			b.push(entry)
		}
		buf = buf[n:]
	}
	return dropped
}

// makeRoom drops the oldest events of topics that allow it, until need bytes fit.
func (b *backlog) makeRoom(need int, now time.Time) (dropped int) {
	for i := 0; i < len(b.queue) && b.queued+need > b.limit; i++ {
		e := b.queue[i]
		if e.slow == topic.SlowDisconnect || e.dead {
			continue
		}
		b.forget(e)
		for len(e.events) > 0 && b.queued+need > b.limit {
			event, n := e.events[0], frameSize(e.buf)
			if inserted := b.lose(i, event, now); inserted {
				i++
			}
			e.events, e.buf = e.events[1:], e.buf[n:]
			b.count(e, -n)
			dropped++
			if len(e.events) == 0 {
				b.kill(e)
			}
		}
	}
	return dropped
}

// lose notes that an event is dropped. The announcement stands before entry i,
// or where the topic's earlier one still waits; then it reports false.
func (b *backlog) lose(i int, e *topic.Event, now time.Time) (inserted bool) {
	at := b.losses[e.Topic()]
	if at == nil {
		at = &entry{loss: &lost{topic: e.Topic(), since: now, from: e.Seq()}}
		if b.losses == nil {
			b.losses = make(map[string]*entry)
		}
		b.losses[e.Topic()] = at
		b.queue = slices.Insert(b.queue, i, at)
		inserted = true
	}
	at.loss.to = max(at.loss.to, e.Seq())
	return inserted
}

func (b *backlog) push(e *entry) {
	b.count(e, len(e.buf))
	b.queue = append(b.queue, e)
}

func (b *backlog) count(e *entry, n int) {
	if e.live {
		b.queued += n
	}
	if e.asked {
		b.owed += n
	}
}

// kill takes an entry out of account.
func (b *backlog) kill(e *entry) {
	b.count(e, -len(e.buf))
	b.forget(e)
	e.buf, e.events, e.dead = nil, nil, true
	b.dead++
}

// sweep removes dead entries when they are half of the queue.
func (b *backlog) sweep() {
	if b.dead > 64 && b.dead > len(b.queue)/2 {
		b.queue = slices.DeleteFunc(b.queue, func(e *entry) bool { return e.dead })
		b.dead = 0
	}
}

// forget removes what the maps know of an entry that leaves.
func (b *backlog) forget(e *entry) {
	if e.loss != nil {
		delete(b.losses, e.loss.topic)
		return
	}
	if e.slow == topic.SlowConflate && len(e.events) == 1 {
		key := eventKey{e.events[0].Topic(), e.events[0].Name()}
		if b.newest[key] == e {
			delete(b.newest, key)
		}
	}
}

// addPong queues coder's answer to a ping.
func (b *backlog) addPong(p []byte) {
	if b.final == nil {
		b.pong = append(b.pong[:0], p...)
	}
}

// finish puts the close frame behind everything, or in place of everything that
// has not begun.
func (b *backlog) finish(frame []byte, discard bool) {
	if b.final != nil {
		return
	}
	if discard {
		b.queue, b.queued, b.owed, b.dead, b.newest, b.losses = nil, 0, 0, 0, nil, nil
	}
	b.final = bytes.Clone(frame)
}

// next returns the bytes to write now, nil if there are none. They stay in the
// backlog until wrote is told.
func (b *backlog) next() []byte {
	if len(b.head) > 0 {
		return b.head
	}
	if len(b.pong) > 0 {
		b.head, b.pong = b.pong, nil
		return b.head
	}
	for len(b.queue) > 0 {
		e := b.queue[0]
		if e.loss != nil {
			b.head = appendStale(nil, e.loss)
			b.pop()
			return b.head
		}
		if len(e.buf) > 0 {
			return e.buf
		}
		b.pop()
	}
	if b.final != nil && !b.ended {
		b.head, b.ended = b.final, true
	}
	return b.head
}

// wrote tells that the first n bytes of what waits are on the wire.
func (b *backlog) wrote(n int) {
	for n > 0 {
		if len(b.head) > 0 {
			k := min(n, len(b.head))
			b.head, n = b.head[k:], n-k
			continue
		}
		e := b.queue[0]
		if n >= len(e.buf) {
			n -= len(e.buf)
			b.pop()
			continue
		}
		b.split(e, n)
		return
	}
}

func (b *backlog) pop() {
	e := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	if e.dead {
		b.dead--
		return
	}
	b.count(e, -len(e.buf))
	b.forget(e)
}

// split makes the rest of the frame that is partly on the wire the head, so that
// what follows may still be dropped.
func (b *backlog) split(e *entry, n int) {
	finish, frames := 0, 0
	for finish < n {
		finish += frameSize(e.buf[finish:])
		frames++
	}
	if e.events != nil {
		b.forget(e)
		e.events = e.events[frames:]
	}
	b.count(e, -finish)
	b.head, e.buf = e.buf[n:finish], e.buf[finish:]
}
