package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A shard is one delivery loop: the outlet through which topics reach the
// sessions that are assigned to it. Topics and sessions put items into its inbox
// and go on; the loop alone writes to its sessions' outboxes.
type shard struct {
	g     *Gateway
	every time.Duration // between sweeps

	mu      sync.Mutex
	inbox   []item
	asleep  bool
	stopped bool
	wake    chan struct{}

	// Owned by the loop.
	spare    []item
	topics   map[string]*audience
	run      []*audience // have work, in order
	sessions []*session
	outages  map[string][]byte // of backends: the frame that tells
	dirty    []*session        // have direct frames
	chunks   []*chunk          // spare
	waiting  int               // bytes in the queues of all audiences
	w        *rawWriter
	now      time.Time
	tally    tally
}

type itemKind uint8

const (
	itemDeliver   itemKind = iota
	itemDeliverTo          // to one receiver alone
	itemJoined
	itemLeft
	itemClosed
	itemOpened    // a session begins
	itemEnded     // a session has ended
	itemDirect    // frames for one session
	itemPublished // an answer to a publish
	itemPlaced    // an answer to a join
	itemShut      // close a session
	itemAll       // a frame for every session
	itemHealth    // an outage began or ended
	itemCall
	itemLost // stands in an audience's queue for events that found no room
	itemNone
)

// An item is one entry of the inbox. What the fields mean depends on the kind.
type item struct {
	kind    itemKind
	topic   string
	session *session
	ptr     any // *topic.Batch, *addressed, *joining, *receiver, error, []byte, *publication, *placing, *shutting, *health, *lost, func()
}

type joining struct {
	r *receiver
	j topic.Joined
}

type shutting struct {
	code   int
	reason string
}

// receiver is a session's place in one topic, or in what stands beside the topics.
type receiver struct {
	session *session
	topic   string
	at      int // index in the audience, -1 outside; owned by the shard
	slow    topic.Slow
	channel channel

	// Guarded by session.mu.
	gone bool  // unsubscribed
	in   bool  // a seat: it has been let in
	asks []ask // unanswered; the first is with the topic

	// What comes with a topic, guarded by session.mu.
	moved    bool // the client's cursor is there
	presence *receiver
	cursors  *receiver

	role string // in a group
}

// An ask is what a client wanted with one subscribe.
type ask struct {
	ref    []byte
	since  *topic.Position
	resume *resume
	bare   bool // the client wants nothing beside the topic
}

func (s *shard) Deliver(name string, b *topic.Batch) {
	s.put(item{kind: itemDeliver, topic: name, ptr: b})
}

func (s *shard) Joined(name string, r any, j topic.Joined) {
	s.put(item{kind: itemJoined, topic: name, ptr: &joining{r.(*receiver), j}})
}

func (s *shard) Left(name string, r any) {
	s.put(item{kind: itemLeft, topic: name, ptr: r})
}

func (s *shard) Closed(name string, err error) {
	s.put(item{kind: itemClosed, topic: name, ptr: err})
}

// direct sends frames to one session. The bytes are handed over.
func (s *shard) direct(to *session, frames []byte) {
	s.put(item{kind: itemDirect, session: to, ptr: frames})
}

// put never blocks. It reports false if the loop has ended.
func (s *shard) put(i item) bool {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return false
	}
	s.inbox = append(s.inbox, i)
	wake := s.asleep
	s.asleep = false
	s.mu.Unlock()
	if wake {
		s.wake <- struct{}{}
	}
	return true
}

// call runs f on the loop and waits for it. It reports false if the loop has
// ended.
func (s *shard) call(f func()) bool {
	done := make(chan struct{})
	if !s.put(item{kind: itemCall, ptr: func() { f(); close(done) }}) {
		return false
	}
	<-done
	return true
}

// loop runs until stop. While it writes, the next messages gather in the inbox,
// so that batches come from load, without a timer.
func (s *shard) loop(ctx context.Context) {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for s.take(ctx, ticker.C) {
		s.now = time.Now()
		for i := range s.spare {
			s.route(&s.spare[i])
		}
		clear(s.spare)
		s.flushDirty()
		s.turns()
		s.flushDirty()
		s.g.m.add(&s.tally)
	}
}

// take swaps the inbox for the emptied one of the last round. It waits if there
// is nothing at all to do, and returns false at the end.
func (s *shard) take(ctx context.Context, tick <-chan time.Time) bool {
	select {
	case <-tick:
		s.now = time.Now()
		s.sweep()
	default:
	}
	s.mu.Lock()
	for len(s.inbox) == 0 && len(s.run) == 0 {
		if ctx.Err() != nil {
			s.stopped = true
			s.mu.Unlock()
			return false
		}
		s.asleep = true
		s.mu.Unlock()
		select {
		case <-s.wake:
		case <-tick:
			s.rouse()
			s.now = time.Now()
			s.sweep()
			s.flushDirty()
		case <-ctx.Done():
			s.rouse()
		}
		s.mu.Lock()
	}
	s.inbox, s.spare = s.spare[:0], s.inbox
	s.mu.Unlock()
	return true
}

// rouse ends the sleep for another reason than a wake, and takes the token of a
// wake that is on its way.
func (s *shard) rouse() {
	s.mu.Lock()
	coming := !s.asleep
	s.asleep = false
	s.mu.Unlock()
	if coming {
		<-s.wake
	}
}

// route files one item.
func (s *shard) route(i *item) {
	switch i.kind {
	case itemDeliver, itemDeliverTo, itemLeft, itemClosed:
		if a := s.topics[i.topic]; a != nil {
			s.queue(a, *i)
		}
	case itemJoined:
		s.queue(s.audience(i.topic), *i)
	case itemOpened:
		s.opened(i.session, i.ptr.([]byte))
	case itemEnded:
		s.remove(i.session)
	case itemDirect:
		s.append(i.session, i.ptr.([]byte))
	case itemPublished:
		s.published(i.session, i.ptr.(*publication))
	case itemPlaced:
		s.placed(i.session, i.ptr.(*placing))
	case itemShut:
		how := i.ptr.(*shutting)
		s.flush(i.session)
		i.session.out.shut(how.code, how.reason, false)
	case itemAll:
		s.all(i.ptr.([]byte))
	case itemHealth:
		s.health(i.ptr.(*health))
	case itemCall:
		i.ptr.(func())()
	}
}

func (s *shard) remove(x *session) {
	last := len(s.sessions) - 1
	if x.slot < 0 || s.sessions[x.slot] != x {
		return
	}
	s.sessions[x.slot] = s.sessions[last]
	s.sessions[x.slot].slot = x.slot
	s.sessions[last] = nil
	s.sessions = s.sessions[:last]
	x.slot = -1
}
