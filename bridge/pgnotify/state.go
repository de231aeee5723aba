package pgnotify

import (
	"errors"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

const (
	// maxFlying bounds the messages that a topic has and has not answered.
	maxFlying = 1024
	// maxTries bounds how often a message is tried that fails though no backend is to blame.
	maxTries = 5
	// minBackoff and maxBackoff bound the time between tries.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// A queue is what waits for the topics: a stream per topic, so that one that fails does not hold up others. It
// keeps the order of each stream whatever fails. It does nothing itself.
type queue struct {
	limit   int
	streams map[string]*stream
	ready   []*stream // that may have something to post
	count   int       // messages, those that fly too
	failing int       // streams whose last try failed
}

type stream struct {
	topic   string
	chain   topic.Chain
	waiting []*item
	flying  []*item // given to the topic, oldest first; answered ones until those before them are
	open    int     // flying, not answered
	listed  bool    // in ready

	broken   bool // something that flies failed: nothing more is posted until all is answered
	failures int  // tries in a row
	until    time.Time
}

// An item is a message, or a place where `stale` is to be told.
type item struct {
	stream *stream
	m      topic.Message
	local  bool
	since  time.Time // not zero: no message
	quiet  bool      // with since: other nodes know
	done   bool
	tries  int
}

func (it *item) isGap() bool { return !it.since.IsZero() }

func newQueue(limit int) *queue { return &queue{limit: limit, streams: make(map[string]*stream)} }

func (q *queue) full() bool { return q.count >= q.limit }

// accepts reports whether a message for the topic has room. A stream that fails may not take all of it.
func (q *queue) accepts(name string) bool {
	s := q.streams[name]
	return q.count < q.limit && (s == nil || s.failures == 0 || len(s.waiting)+len(s.flying) < q.limit/2)
}

// add files a message behind those of its topic.
func (q *queue) add(name string, m topic.Message, local bool) {
	s := q.stream(name)
	m.Chain = &s.chain
	s.waiting = append(s.waiting, &item{stream: s, m: m, local: local})
	q.count++
	q.list(s)
}

// gap marks the place, behind what waits, where receivers of the topic are to be told; with quiet only those of this
// node. Marks next to each other are one.
func (q *queue) gap(name string, since time.Time, quiet bool) {
	s := q.stream(name)
	if n := len(s.waiting); n > 0 && s.waiting[n-1].isGap() {
		last := s.waiting[n-1]
		if since.Before(last.since) {
			last.since = since
		}
		last.quiet = last.quiet && quiet
		return
	}
	s.waiting = append(s.waiting, &item{stream: s, since: since, quiet: quiet})
	q.list(s)
}

func (q *queue) stream(name string) *stream {
	s := q.streams[name]
	if s == nil {
		s = &stream{topic: name}
		q.streams[name] = s
	}
	return s
}

func (q *queue) list(s *stream) {
	if !s.listed {
		s.listed = true
		q.ready = append(q.ready, s)
	}
}

// take returns what is to be done now, at most limit items, and when to ask again if there is nothing (zero: when
// something happens).
func (q *queue) take(now time.Time, limit int) (todo []*item, again time.Time) {
	var later []*stream
	for len(q.ready) > 0 && len(todo) < limit {
		s := q.ready[0]
		q.ready = q.ready[1:]
		if !s.broken && now.Before(s.until) {
			later = append(later, s)
			if again.IsZero() || s.until.Before(again) {
				again = s.until
			}
			continue
		}
		s.listed = false
		todo = s.fly(todo, limit)
		if s.mayFly() {
			q.list(s)
		}
		q.retire(s)
	}
	q.ready = append(q.ready, later...)
	if len(q.ready) == 0 {
		q.ready = nil
	}
	return todo, again
}

// mayFly reports whether the next may go. What is before a gap comes first, and after a failure one is enough to find out.
func (s *stream) mayFly() bool {
	return !s.broken && len(s.waiting) > 0 && len(s.flying) < maxFlying &&
		(len(s.flying) == 0 || !s.waiting[0].isGap() && s.failures == 0)
}

// fly adds what of the stream may go.
func (s *stream) fly(todo []*item, limit int) []*item {
	for len(todo) < limit && s.mayFly() {
		it := s.waiting[0]
		s.waiting = s.waiting[1:]
		if todo = append(todo, it); !it.isGap() {
			s.flying, s.open = append(s.flying, it), s.open+1
		}
	}
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
	return todo
}

// retire forgets a stream that is empty.
func (q *queue) retire(s *stream) {
	if len(s.waiting)+len(s.flying) == 0 && q.streams[s.topic] == s {
		if s.failures > 0 {
			q.failing--
		}
		delete(q.streams, s.topic)
	}
}

// answered files what a topic said, and returns why the message is dropped, "" if it is not. The jitter is 0 to 1.
func (q *queue) answered(it *item, err error, now time.Time, jitter float64) (reason string) {
	s := it.stream
	if it.done {
		return ""
	}
	s.open--
	reason, again := judge(it, err)
	if again {
		s.broken = true
	} else {
		it.done = true
		q.count--
	}
	if err == nil && s.failures > 0 && !s.broken {
		s.failures = 0
		q.failing--
	}
	if reason == reasonFailed || reason == reasonClosed {
		q.gap(s.topic, now, false)
	}
	q.land(s)
	if s.broken && s.open == 0 {
		q.mend(s, now, jitter)
	}
	if len(s.waiting) > 0 {
		q.list(s)
	}
	q.retire(s)
	return reason
}

// land takes off what is answered.
func (q *queue) land(s *stream) {
	for len(s.flying) > 0 && s.flying[0].done {
		s.flying[0] = nil
		s.flying = s.flying[1:]
	}
	if len(s.flying) == 0 {
		s.flying = nil
	}
}

// mend puts back what failed, in order, for another try.
func (q *queue) mend(s *stream, now time.Time, jitter float64) {
	back := make([]*item, 0, len(s.flying)+len(s.waiting))
	for _, it := range s.flying {
		if !it.done {
			back = append(back, it)
		}
	}
	s.waiting, s.flying, s.broken = append(back, s.waiting...), nil, false
	s.chain.Mend()
	if s.failures++; s.failures == 1 {
		q.failing++
	}
	wait := min(maxBackoff, minBackoff<<min(s.failures-1, 10))
	s.until = now.Add(time.Duration(float64(wait) * (0.75 + jitter/2)))
}

// Reasons why a notification is dropped.
const (
	reasonMalformed = "malformed" // no JSON, or topic or event are missing or bad
	reasonParser    = "parser"    // the parser failed or panicked
	reasonSystem    = "system"    // a topic of the system's
	reasonLarge     = "large"     // data beyond Channel.MaxBytes
	reasonHistory   = "history"   // a topic with history, and every node takes it
	reasonRefused   = "refused"   // the topic refused what it says
	reasonFailed    = "failed"    // the topic failed again and again
	reasonOverflow  = "overflow"  // too many wait for a backend that is away
	reasonClosed    = "closed"    // the node stops
)

var reasons = []string{reasonMalformed, reasonParser, reasonSystem, reasonLarge, reasonHistory, reasonRefused, reasonFailed,
	reasonOverflow, reasonClosed}

// judge decides what becomes of a message that a topic answered.
func judge(it *item, err error) (reason string, again bool) {
	var input *topic.InputError
	switch {
	case err == nil:
		return "", false
	case errors.As(err, &input):
		return reasonRefused, false
	case errors.Is(err, topic.ErrHistory):
		return reasonHistory, false
	case errors.Is(err, topic.ErrClosed):
		return reasonClosed, false
	case errors.Is(err, topic.ErrBehind), errors.Is(err, topic.ErrUnavailable), errors.Is(err, topic.ErrOverloaded):
		return "", true
	}
	if it.tries++; it.tries >= maxTries {
		return reasonFailed, false
	}
	return "", true
}
