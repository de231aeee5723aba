package topic

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// relayQueue bounds the events that wait for the Relay. Beyond it the oldest go;
// other nodes notice by the number that is left out.
const relayQueue = 8192

// relayState is the topic's side of the Relay.
type relayState struct {
	incarnation uint64
	number      uint64 // of the last frame sent
	queue       []*Event
	epoch       string // of the events in queue
	head        uint64 // the newest number that others were, or are to be, told of
	sending     bool

	owed bool // a frame did not go out, or was too large: one must tell of it

	following bool
	asked     bool      // Follow is on its way
	deaf      time.Time // since when receivers of a live topic hear nothing of other nodes

	peers map[string]peer
}

// peer is what was last received from another node's actor.
type peer struct{ incarnation, number uint64 }

// arrived files the number of a frame and reports whether it is to be used, and
// whether one before it was lost.
func (r *relayState) arrived(f frame) (fresh, lost bool) {
	last, met := r.peers[f.node]
	if met && last.incarnation == f.incarnation && f.number <= last.number {
		return false, false
	}
	if r.peers == nil {
		r.peers = make(map[string]peer)
	}
	r.peers[f.node] = peer{f.incarnation, f.number}
	switch {
	case !met:
		return true, f.gap // otherwise nothing was expected yet
	case last.incarnation != f.incarnation:
		return true, f.number > 1
	default:
		return true, f.number > last.number+1
	}
}

// sendLive delivers what gathered since the last flush, here and elsewhere.
func (a *actor) sendLive(c *actors.Context[message]) {
	if len(a.live) == 0 {
		return
	}
	evs := a.live
	a.live = nil
	a.deliver(evs)
	a.announce(c, "", forAllNodes(evs))
}

// relays reports whether the actor has to relay its events itself.
func (a *actor) relays() bool {
	return a.topics.cfg.Relay != nil && !(a.keep.relaying && a.policy.HasHistory())
}

// announce queues events for the other nodes.
func (a *actor) announce(c *actors.Context[message], epoch string, evs []*Event) {
	r := &a.relay
	if len(evs) == 0 || !a.relays() {
		return
	}
	if r.epoch != epoch && len(r.queue) > 0 {
		r.queue, r.number = nil, r.number+1
	}
	r.epoch, r.head = epoch, evs[len(evs)-1].seq
	r.queue = append(r.queue, evs...)
	if over := len(r.queue) - relayQueue; over > 0 {
		a.m.unrelayed.Add(float64(over))
		r.queue, r.number, r.owed = r.queue[over:], r.number+1, true
	}
	a.send(c)
}

// send gives the Relay one frame at a time; what gathers meanwhile is the next.
func (a *actor) send(c *actors.Context[message]) {
	r := &a.relay
	if r.sending || len(r.queue) == 0 && !r.owed {
		return
	}
	f, n := a.nextFrame()
	r.sending = true
	r.owed = false
	relay, name, timeout := a.topics.cfg.Relay, a.name, a.topics.cfg.Timeout
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return &sent{events: n, err: relay.Publish(ctx, name, f.encode())}
	}, func(err error) message { return &sent{events: n, err: err} })
}

// nextFrame takes events off the queue, as many as a frame may have.
func (a *actor) nextFrame() (f frame, n int) {
	r, history, limit := &a.relay, a.policy.HasHistory(), maxAppendBytes
	if history {
		limit = a.topics.maxFrame
	}
	size := 0
	for n < len(r.queue) && n < maxFrameEvents {
		size += len(r.queue[n].wire)
		if size > limit && (n > 0 || history) {
			break
		}
		n++
	}
	r.number++
	f = frame{node: a.topics.id, incarnation: r.incarnation, number: r.number, epoch: r.epoch, gap: r.owed && !history}
	if history && n == 0 {
		return a.notice(f)
	}
	now := time.Now()
	for _, e := range r.queue[:n] {
		rec := Record{Seq: e.seq, At: now, Name: e.Name(), Data: e.Data()}
		if e.seq > 0 {
			rec.At = time.Unix(0, e.at)
		}
		f.events = append(f.events, rec)
	}
	if r.queue = r.queue[n:]; len(r.queue) == 0 {
		r.queue = nil
	}
	return f, n
}

// notice makes a frame tell where the topic stands, instead of what was published: the others read
// that from the Log. It stands for an event that is too large, or for those that did not go out.
func (a *actor) notice(f frame) (frame, int) {
	r := &a.relay
	if f.head = r.head; len(r.queue) == 0 {
		return f, 0
	}
	f.head = r.queue[0].seq
	if r.queue = r.queue[1:]; len(r.queue) == 0 {
		r.queue = nil
	}
	return f, 1
}

func (a *actor) onSent(c *actors.Context[message], m *sent) {
	r := &a.relay
	r.sending = false
	if m.err != nil {
		a.m.unrelayed.Add(float64(m.events))
		r.owed = true
		if len(r.queue) == 0 {
			a.later(c, retryWait)
			return
		}
	}
	a.send(c)
}

// follow reports whether frames of other nodes arrive; if not, it sees to it.
func (a *actor) follow(c *actors.Context[message]) bool {
	r := &a.relay
	if a.topics.cfg.Relay == nil || r.following {
		return true
	}
	if r.asked {
		return false
	}
	r.asked = true
	t, name := a.topics, a.name
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
		defer cancel()
		return &followed{err: t.cfg.Relay.Follow(ctx, name, (*sink)(t))}
	}, func(err error) message { return &followed{err: err} })
	return false
}

func (a *actor) onFollowed(c *actors.Context[message], m *followed) {
	a.relay.asked = false
	if m.err != nil {
		a.notFollowed(c, unavailable(a.name, "follow", m.err))
		return
	}
	a.relay.following = true
	if deaf := a.relay.deaf; !deaf.IsZero() {
		a.relay.deaf = time.Time{}
		a.deliver([]*Event{Stale(a.name, deaf)})
	}
	if len(a.members) == 0 {
		a.forgetOrder() // other nodes published unseen until now
	}
	if len(a.joins) == 0 && len(a.members) == 0 {
		a.unfollow()
		return
	}
	a.settle(c)
}

// notFollowed lets receivers of a topic without history have what this node
// publishes; that they miss the rest they are told when it can be had again.
func (a *actor) notFollowed(c *actors.Context[message], err error) {
	if a.policy.HasHistory() {
		a.joinAll(func(*subscribe) Joined { return Joined{Err: err} })
		return
	}
	if a.relay.deaf.IsZero() {
		a.relay.deaf = time.Now()
	}
	a.joinAll(func(*subscribe) Joined { return Joined{Slow: a.policy.Slow} })
	if len(a.members) > 0 {
		a.later(c, retryWait)
	}
}

// unfollow stops the frames of other nodes. The order goes on unseen.
func (a *actor) unfollow() {
	a.relay.deaf = time.Time{}
	if !a.relay.following {
		return
	}
	a.relay.following, a.relay.peers = false, nil
	a.topics.cfg.Relay.Unfollow(a.name)
	a.forgetOrder()
}

// forgetOrder returns to not knowing where the topic stands. Only without
// receivers: to them the order is a promise.
func (a *actor) forgetOrder() {
	a.state = state{name: a.name, policy: a.policy}
	a.catchups, a.behind = nil, false
}

func (a *actor) onRelayed(c *actors.Context[message], f frame) {
	fresh, lost := a.relay.arrived(f)
	if !a.relay.following || (f.epoch != "") != a.policy.HasHistory() {
		return
	}
	evs := make([]*Event, len(f.events))
	for i, r := range f.events {
		evs[i] = fromRecord(a.name, f.epoch, r)
	}
	if a.policy.HasHistory() { // order is by seq; the frame's number says nothing more
		a.take(c, f.epoch, evs)
		a.noticed(c, f)
		return
	}
	if !fresh {
		return
	}
	if lost {
		evs = append([]*Event{Stale(a.name, time.Now())}, evs...)
	}
	a.deliver(evs)
}

// noticed compares what a frame says of the Log's head with what is known.
func (a *actor) noticed(c *actors.Context[message], f frame) {
	if len(f.events) > 0 || !a.state.known || f.epoch == a.state.epoch && f.head <= a.state.head {
		return
	}
	a.behind = true
	a.repair(c)
}

// onRestored makes up for what the Relay lost: from the Log, or by saying so.
func (a *actor) onRestored(c *actors.Context[message], m *restored) {
	a.relay.peers = nil // the first frame of each tells nothing new
	switch {
	case !a.relay.following:
		m.release()
	case !a.policy.HasHistory():
		m.release()
		a.deliver([]*Event{Stale(a.name, m.since)})
	default:
		a.check(c, m.release)
	}
}
