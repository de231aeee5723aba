package cursor

import (
	"slices"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

const (
	// saveEvery is the least time between two calls of Store.Save for a topic.
	saveEvery = 200 * time.Millisecond
	// settleTime is how long it takes until the Store has what was relayed.
	settleTime = 4 * saveEvery
	// lateTime is how long saving may take without a word about it.
	lateTime = 2 * saveEvery
	// retryWait is how long a backend that failed is left alone.
	retryWait = time.Second
	// quietWait is how long after its last move a node says how many frames there were, for
	// those who missed the last one; then after twice that, and so on, to maxQuiet.
	quietWait = time.Second
	maxQuiet  = time.Minute
	// idleTime is how long an actor stays that nobody needs.
	idleTime = 30 * time.Second
)

// An actor is one board on one node: it decides through board and then sends; nothing here
// waits. Messages change the board, and Flush does what follows from it.
type actor struct {
	boards *Boards
	topic  string
	name   string // of the topic that receivers are told
	policy *Policy
	m      *policyMetrics
	in     *inbox
	board  *board
	fan    *topic.Fanout
	joins  []*attach    // wait for the others' cursors
	snap   *topic.Batch // what a receiver begins with; nil: to be made

	tickEnd time.Time // no frame with moves before it
	expiry  time.Time // when to look for what is silent
	ripe    time.Time // when the next position that is held may be seen
	counted int       // cursors in the node's gauge
	quiting bool

	relay relaying
	save  saving
	load  loading
	timer timer
}

func (b *Boards) newActor(of string) actors.Behavior[message] {
	p := b.policies.find(of)
	a := &actor{
		boards: b, topic: of, name: Name(of), policy: p, m: b.metrics.of(p),
		board: newBoard(p, b.cfg.Life()), fan: topic.NewFanout(Name(of)),
	}
	a.relay.incarnation = b.clock.next()
	a.in = b.inbox(of, a)
	return a
}

// Start also comes after a panic, which may have cut a change short for receivers.
func (a *actor) Start(c *actors.Context[message]) {
	c.SetIdle(idleTime)
	if c.Restarts() == 0 {
		return
	}
	a.timer = timer{stop: a.timer.stop, number: a.timer.number}
	a.joins = slices.DeleteFunc(a.joins, func(j *attach) bool { return j.refused })
	a.board.again(a.boards.clock.next)
	a.fan.Send(a.snapshot())
}

func (a *actor) Handle(c *actors.Context[message], m message) {
	switch m := m.(type) {
	case *attach:
		a.onAttach(m)
	case *detach:
		a.onDetach(m)
	case *snapshot:
		a.fan.SendTo(m.outlet, m.receiver, a.snapshot())
	case *lookUp:
		a.onLookUp(c, m)
	case *looked:
		a.onLooked(m)
	case *relayed:
		a.onRelayed(m.frame)
	case *due:
		a.timer.rang(m)
	case *forget:
		a.m.died.Add(float64(a.board.forget(time.Now(), m.life)))
	case *quit:
		a.quiting = true
		a.board.quit(time.Now(), a.boards.clock.next)
	default:
		a.handleBackend(m)
	}
}

func (a *actor) handleBackend(m message) {
	switch m := m.(type) {
	case *followed:
		a.onFollowed(m)
	case *restored:
		a.relay.peers = nil // the first frame of each tells nothing new
		a.ask(time.Now(), true)
	case *recheck:
		a.board.again(a.boards.clock.next)
		a.ask(time.Now(), false)
	case *sent:
		a.onSent(m)
	case *saved:
		a.onSaved(m)
	case *loaded:
		a.onLoaded(m)
	}
}

// Flush does what follows from the messages: takes moves in, tells receivers, other nodes
// and the Store, and sees to what is due next.
func (a *actor) Flush(c *actors.Context[message]) {
	now := time.Now()
	if life := a.boards.cfg.Life(); life != a.board.life {
		a.board.reborn(life, a.boards.clock.next)
	}
	a.takeMoves(now)
	a.expire(now)
	a.emit(now)
	a.publish(c, now)
	a.write(c, now)
	a.connect(c, now)
	a.read(c, now)
	a.boards.cursors.Add(int64(len(a.board.cursors) - a.counted))
	a.counted = len(a.board.cursors)
	a.rest(c, now)
}

// takeMoves takes in what this node's movers did.
func (a *actor) takeMoves(now time.Time) {
	for _, o := range a.in.drain(a.board.slots()) {
		if a.quiting {
			break
		}
		if o.remove {
			if a.board.remove(now, a.boards.clock.next(), o.slot) {
				a.m.left.Inc()
			}
			continue
		}
		ok, overtook := a.board.move(now, a.boards.clock.next(), o)
		if !ok {
			a.m.full.Inc()
			a.in.forget(o.slot)
		}
		if overtook {
			a.m.throttled.Inc()
		}
		if a.in.every {
			a.emit(now)
		}
	}
	a.ripe = a.board.ripe(now, a.boards.clock.next)
}

// expire looks for what is silent, at most about once a second.
func (a *actor) expire(now time.Time) {
	if len(a.board.cursors) == 0 && len(a.board.graves) == 0 {
		a.expiry = time.Time{}
		return
	}
	if !a.expiry.IsZero() && now.Before(a.expiry) {
		return
	}
	a.board.telling = a.relay.sending || a.save.busy()
	gone, next := a.board.expire(now, a.boards.clock.next)
	for _, s := range gone {
		a.m.expired.Inc()
		a.in.forget(s)
	}
	if soonest := now.Add(min(time.Second, a.policy.TTL/8)); next.Before(soonest) && len(a.board.cursors)+len(a.board.graves) > 0 {
		next = soonest
	}
	a.expiry = next
}

// emit tells receivers what changed, unless they were told a moment ago.
func (a *actor) emit(now time.Time) {
	if len(a.board.changed.order) == 0 || now.Before(a.tickEnd) && !a.quiting {
		return
	}
	a.snap = nil
	moved, removed := a.board.take()
	if a.policy.Tick > 0 {
		a.tickEnd = now.Add(a.policy.Tick)
	}
	if a.fan.Len() == 0 || a.quiting { // who is told is ended right afterwards
		return
	}
	moves := moveEvents(a.name, moved, a.policy.Tick < 0)
	a.m.broadcasts.Add(float64(len(moves)))
	a.fan.Send(batch(append(removeEvents(a.name, removed), moves...)))
}

// snapshot is what a receiver begins with. All that join before the next change share it.
func (a *actor) snapshot() *topic.Batch {
	if a.snap == nil || len(a.board.changed.order) > 0 {
		a.snap = batch(a.board.snapshotEvents(a.name))
		a.board.shown()
	}
	return a.snap
}

func (a *actor) MayPassivate() bool {
	return a.fan.Len() == 0 && len(a.joins) == 0 && a.board.own == 0 && a.board.relay.len() == 0 && a.board.save.len() == 0 &&
		!a.relay.busy() && !a.save.busy() && !a.load.running
}

func (a *actor) Stop(_ *actors.Context[message], reason error) {
	for _, j := range a.joins {
		j.Refuse(reason)
	}
	a.fan.Close(refusal(reason))
	if a.relay.following || a.relay.asking {
		a.boards.cfg.Relay.Unfollow(a.name)
	}
	a.boards.cursors.Add(int64(-a.counted))
	a.boards.inboxes.end(a.topic, a.in, a)
}
