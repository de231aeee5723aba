package gateway

import (
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// writesPerRound is how many receivers are written to before the inbox is looked
// at again, and how many of one topic before the next topic has its turn.
const writesPerRound = 256

// An audience is a topic's receivers on one shard, and what waits for them.
//
// A chunk goes to all receivers before the next is begun, and joining and
// leaving happen between chunks. So each receiver gets exactly the events that
// the topic sent between its Joined and its Left.
type audience struct {
	topic     string
	receivers []*receiver
	slow      topic.Slow
	queue     []item // owned; what is before taken is gone
	taken     int
	waiting   int  // bytes in queue
	running   bool // listed in shard.run

	chunk *chunk // on its way
	next  int    // the first receiver that has not got it
}

// maxWaiting bounds the bytes of one topic that wait for a shard which is busy,
// maxShard those of all topics together. What comes beyond is lost for all the
// topic's receivers on the shard, under its policy; but each topic may always have
// one batch waiting.
const (
	maxWaiting = 16 << 20
	maxShard   = 64 << 20
)

func (s *shard) audience(name string) *audience {
	a := s.topics[name]
	if a == nil {
		a = &audience{topic: name}
		s.topics[name] = a
	}
	return a
}

func (s *shard) queue(a *audience, i item) {
	if b := batchOf(&i); b != nil {
		if a.waiting > maxWaiting || a.waiting > 0 && s.waiting > maxShard {
			i = a.overflow(b, s.now)
			s.g.m.dropped.WithLabelValues("overload").Add(float64(len(b.Events)))
		} else {
			size := plainSize(b.Events)
			a.waiting += size
			s.waiting += size
			s.g.pressure.add(size)
		}
	}
	if i.kind != itemNone {
		a.compact()
		a.queue = append(a.queue, i)
	}
	if !a.running {
		a.running = true
		s.run = append(s.run, a)
	}
}

// overflow notes that a batch is lost, in the item that goes into its place.
func (a *audience) overflow(b *topic.Batch, now time.Time) item {
	last := b.Events[len(b.Events)-1].Seq()
	if tail := &a.queue[len(a.queue)-1]; tail.kind == itemLost {
		tail.ptr.(*lost).to = last
		return item{kind: itemNone}
	}
	return item{kind: itemLost, ptr: &lost{topic: a.topic, since: now, from: b.Events[0].Seq(), to: last}}
}

// turns lets topics write, one after the other, until a round's writes are used
// up. A huge topic goes to the back of the line with its chunk half delivered.
func (s *shard) turns() {
	budget := writesPerRound
	for n := len(s.run); n > 0 && budget > 0; n-- {
		a := s.run[0]
		s.run[0] = nil
		s.run = s.run[1:]
		budget -= s.turn(a, budget)
		if a.chunk != nil || a.taken < len(a.queue) {
			s.run = append(s.run, a)
			continue
		}
		a.rest()
		if len(a.receivers) == 0 {
			delete(s.topics, a.topic)
		}
	}
}

// compact drops what is gone from a queue that never runs empty.
func (a *audience) compact() {
	if a.taken < 256 || a.taken < len(a.queue)/2 {
		return
	}
	n := copy(a.queue, a.queue[a.taken:])
	clear(a.queue[n:])
	a.queue, a.taken = a.queue[:n], 0
}

// rest lets go of what a busy time needed.
func (a *audience) rest() {
	a.running = false
	if a.queue, a.taken = a.queue[:0], 0; cap(a.queue) > 1024 {
		a.queue = nil
	}
}

// turn delivers to at most budget receivers. It returns how much work it did.
// After a chunk it returns even so: the inbox may hold more for the next.
func (s *shard) turn(a *audience, budget int) (used int) {
	for used < budget {
		if a.chunk == nil && !s.advance(a) {
			return used + 1
		}
		if a.chunk == nil {
			used++
			continue
		}
		until := min(len(a.receivers), a.next+budget-used)
		for _, r := range a.receivers[a.next:until] {
			s.send(r.session, a.chunk, terms{slow: r.slow, batch: r.session.batch.Load()})
		}
		s.tally.deliveries += (until - a.next) * len(a.chunk.events)
		used += until - a.next
		if a.next = until; a.next == len(a.receivers) {
			s.recycle(a.chunk)
			a.chunk, a.next = nil, 0
			return used
		}
	}
	return used
}

// advance takes the next thing off the queue: a run of batches becomes the chunk.
// It reports false if there is nothing.
func (s *shard) advance(a *audience) bool {
	if a.taken == len(a.queue) {
		return false
	}
	i := a.queue[a.taken]
	if i.kind == itemDeliver {
		s.cut(a)
		return true
	}
	a.queue[a.taken] = item{}
	a.taken++
	switch i.kind {
	case itemDeliverTo:
		s.alone(a, i.ptr.(*addressed))
	case itemJoined:
		j := i.ptr.(*joining)
		if j.r.channel != onTopic {
			s.seated(a, j.r, &j.j)
			break
		}
		s.joined(a, j.r, &j.j)
	case itemLeft:
		s.left(a, i.ptr.(*receiver))
	case itemLost:
		s.overflowed(a, i.ptr.(*lost))
	case itemClosed:
		err, _ := i.ptr.(error)
		s.closed(a, err)
	}
	return true
}

// cut makes the leading run of batches the chunk, up to chunkBytes.
func (s *shard) cut(a *audience) {
	queue := a.queue[a.taken:]
	first := queue[0].ptr.(*topic.Batch)
	n, size := 1, plainSize(first.Events)
	for ; n < len(queue) && queue[n].kind == itemDeliver && size < chunkBytes; n++ {
		size += plainSize(queue[n].ptr.(*topic.Batch).Events)
	}
	switch {
	case len(a.receivers) == 0:
	case n == 1:
		a.chunk = memoized(first)
	default:
		a.chunk = s.fresh()
		for _, i := range queue[:n] {
			events := i.ptr.(*topic.Batch).Events
			a.chunk.events = append(a.chunk.events, events...)
			a.chunk.plain = appendPlain(a.chunk.plain, events)
		}
	}
	clear(queue[:n])
	a.taken += n
	s.relieve(a, size)
	if a.chunk != nil && a.receivers[0].channel == onGroup {
		a.oustAll()
	}
}

// relieve takes bytes out of account that wait no longer.
func (s *shard) relieve(a *audience, size int) {
	a.waiting -= size
	s.waiting -= size
	s.g.pressure.add(-size)
}

// overflowed tells receivers what they did not get because the shard was busy.
// Where they can have it from the history, or from the state that comes first on what
// stands beside the topics, and the policy is to disconnect, they are ended instead,
// and come back.
func (s *shard) overflowed(a *audience, l *lost) {
	again := l.from > 0 || len(a.receivers) > 0 && a.receivers[0].channel != onTopic
	if a.slow != topic.SlowDisconnect || !again {
		a.chunk = &chunk{plain: appendStale(nil, l)}
		return
	}
	for _, r := range a.receivers {
		r.session.shutNow(CloseSlow, "node overloaded")
	}
}

// joined lets a receiver in: its answer, what it missed, and from here on every
// chunk.
func (s *shard) joined(a *audience, r *receiver, j *topic.Joined) {
	session := r.session
	ask, open := session.answered(r, j.Err)
	if j.Err != nil {
		s.left(a, r)
		reason := session.told("subscribe", j.Err)
		s.deny(session, a.topic, reason, append(open, ask))
		return
	}
	s.letIn(a, r, j)
	if ask.ref != nil {
		s.update(session, func(b []byte) []byte { return appendSubscribed(b, a.topic, ask.ref, j.History, j.Head) })
	}
	s.missed(r, j)
	s.complete(session, ask.resume)
	s.deny(session, a.topic, reasonUnavailable, open)
}

// letIn gives a receiver every chunk from here on.
func (s *shard) letIn(a *audience, r *receiver, j *topic.Joined) {
	r.slow, a.slow = j.Slow, j.Slow
	if r.at < 0 {
		r.at = len(a.receivers)
		a.receivers = append(a.receivers, r)
	}
}

// missed sends what comes before that.
func (s *shard) missed(r *receiver, j *topic.Joined) {
	if j.Missed != nil && len(j.Missed.Events) > 0 {
		s.tally.deliveries += len(j.Missed.Events)
		s.send(r.session, memoized(j.Missed), terms{slow: j.Slow, asked: true, batch: r.session.batch.Load()})
	}
}

// deny answers asks that come to nothing.
func (s *shard) deny(to *session, name, reason string, asks []ask) {
	for _, a := range asks {
		s.update(to, func(b []byte) []byte { return appendDenied(b, name, a.ref, reason) })
		s.complete(to, a.resume)
	}
}

// complete notes that a topic of a resume has been answered.
func (s *shard) complete(to *session, r *resume) {
	if r.done() {
		s.update(to, appendResumed)
	}
}

func (s *shard) left(a *audience, r *receiver) {
	if r.channel == onGroup {
		r.session.ousted(r)
	} else {
		s.deny(r.session, a.topic, reasonClosed, r.session.gaveUp(r))
	}
	if r.at < 0 {
		return
	}
	last := len(a.receivers) - 1
	a.receivers[r.at] = a.receivers[last]
	a.receivers[r.at].at = r.at
	a.receivers[last] = nil
	a.receivers = a.receivers[:last]
	r.at = -1
}

// closed ends everybody's subscription. Clients are told if the topic failed; if
// the node stops, their connections end anyway.
func (s *shard) closed(a *audience, err error) {
	for _, r := range a.receivers {
		r.at = -1
		if r.session.lost(r) && !isStopped(err) {
			s.update(r.session, func(b []byte) []byte { return appendRefusal(b, r, nil, reasonUnavailable) })
		}
	}
	clear(a.receivers)
	a.receivers = a.receivers[:0]
}
