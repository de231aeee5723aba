package topic

import (
	"context"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

const (
	// maxInHand bounds the publishes that wait for the Log; more are refused.
	maxInHand = 8192
	// maxAppend and maxAppendBytes bound one call of the Log, so that none
	// blocks the backend for long.
	maxAppend      = 512
	maxAppendBytes = 1 << 20
	// holeWait is how long a missing message may be on its way before the Log
	// is asked. Between two nodes of one data centre it takes a millisecond.
	holeWait = 50 * time.Millisecond
	// retryWait is how long a backend that failed is left alone.
	retryWait = time.Second
)

// An actor is one topic on one node. The keeper runs its methods one at a time.
// It decides through state and then sends; nothing here waits.
type actor struct {
	topics *Topics
	name   string
	policy *Policy
	keep   *keeping
	m      *policyMetrics
	state  state

	members map[Outlet]map[any]struct{}

	// Publishing.
	live    []*Event   // without history: accepted since the last flush
	batch   []*publish // with history: waits for the Log
	writing bool       // a batch is with the Log
	ids     idMemory   // without history: IDs seen
	relay   relayState

	// Joining and repair.
	joins    []*subscribe // wait for the Relay, the head or older events
	fetching bool
	ticking  bool                // an overdue is on its way
	renewing bool                // the Log is asked for another epoch
	behind   bool                // the Log has something that receivers do not
	catchups map[Position]*Batch // by what was asked for
	caughtAt time.Time
}

func (t *Topics) newActor(name string) actors.Behavior[message] {
	p := t.policies.find(name)
	return &actor{
		topics: t, name: name, policy: p, keep: t.keepingOf(p), m: t.metrics.of(p.Match),
		state: state{name: name, policy: p},
		relay: relayState{incarnation: t.incarnations.Add(1)},
	}
}

func (a *actor) Start(c *actors.Context[message]) {
	idle := a.policy.Idle
	if idle < 0 {
		idle = -1
	}
	c.SetIdle(idle)
	if c.Restarts() == 0 {
		return
	}
	a.state.forget()
	a.catchups = nil
	if a.policy.HasHistory() && a.state.known {
		a.repair(c)
	}
	a.joins = slices.DeleteFunc(a.joins, func(j *subscribe) bool { return j.refused })
	a.settle(c)
}

func (a *actor) Handle(c *actors.Context[message], m message) {
	switch m := m.(type) {
	case *publish:
		a.onPublish(c, m)
	case *subscribe:
		a.joins = append(a.joins, m)
		a.settle(c)
	case *unsubscribe:
		a.onUnsubscribe(m)
	case *appended:
		a.onAppended(c, m)
	case *fetched:
		a.onFetched(c, m)
	case *relayed:
		a.onRelayed(c, m.frame)
	case *followed:
		a.onFollowed(c, m)
	case *sent:
		a.onSent(c, m)
	case *missed:
		a.sendLive(c)
		a.deliver([]*Event{Stale(a.name, m.since)})
	case *look:
		a.onLook(c)
	case *restored:
		a.onRestored(c, m)
	case *renewed:
		a.onRenewed(c, m)
	case *overdue:
		a.onOverdue(c)
	}
}

// onOverdue tries again what did not work.
func (a *actor) onOverdue(c *actors.Context[message]) {
	a.ticking = false
	if a.behind {
		a.repair(c)
	}
	if a.relay.owed {
		a.send(c)
	}
	if len(a.members) > 0 {
		a.follow(c)
	}
	a.settle(c)
}

// Flush is called when the mailbox ran dry: what gathered leaves in one piece.
func (a *actor) Flush(c *actors.Context[message]) {
	a.sendLive(c)
	a.write(c)
}

func (a *actor) MayPassivate() bool {
	return len(a.members) == 0 && len(a.joins) == 0 && len(a.batch) == 0 && !a.writing && !a.fetching &&
		!a.relay.sending && !a.relay.owed
}

func (a *actor) Stop(_ *actors.Context[message], reason error) {
	err := refusal(reason)
	failAll(a.batch, err)
	for _, j := range a.joins {
		j.Refuse(reason)
	}
	for o := range a.members {
		o.Closed(a.name, err)
	}
	if a.relay.following {
		a.topics.cfg.Relay.Unfollow(a.name)
	}
	a.members, a.joins, a.batch = nil, nil, nil
}

// deliver gives events to every receiver of the node, in order.
func (a *actor) deliver(evs []*Event) {
	if len(evs) == 0 {
		return
	}
	a.catchups = nil
	for _, e := range evs {
		if e.loss != nil {
			a.m.announced.Inc()
		}
	}
	if len(a.members) == 0 {
		return
	}
	b := &Batch{Events: evs}
	for o := range a.members {
		o.Deliver(a.name, b)
	}
}

func (a *actor) onUnsubscribe(m *unsubscribe) {
	for i, j := range a.joins { // it changed its mind before it was in
		if j.sub.Outlet == m.outlet && j.sub.Receiver == m.receiver {
			a.joins = append(a.joins[:i], a.joins[i+1:]...)
			break
		}
	}
	if group := a.members[m.outlet]; group != nil {
		delete(group, m.receiver)
		if len(group) == 0 {
			delete(a.members, m.outlet)
		}
	}
	m.outlet.Left(a.name, m.receiver)
	if len(a.members) == 0 && len(a.joins) == 0 {
		a.unfollow()
	}
}

// later asks for an overdue, once.
func (a *actor) later(c *actors.Context[message], d time.Duration) {
	if !a.ticking {
		a.ticking = true
		c.After(d, &overdue{})
	}
}

// inLog runs a call of the Log and handles its result: at once if the Log is
// local, else off the actor and back as a message. failed makes the result of a
// call that panicked.
func (a *actor) inLog(c *actors.Context[message], call func(context.Context) message, failed func(error) message) {
	if a.keep.local {
		a.callNow(c, call, failed)
		return
	}
	timeout := a.topics.cfg.Timeout
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return call(ctx)
	}, failed)
}

// callNow answers for what the mailbox does not know of: whoever waits for the
// call is told if it, or the handling of its result, panics.
func (a *actor) callNow(c *actors.Context[message], call func(context.Context) message, failed func(error) message) {
	var m message
	defer func() {
		if r := recover(); r != nil {
			if m == nil {
				m = failed(errPanicked)
			}
			m.Refuse(errPanicked)
			a.writing, a.fetching = false, false
			panic(r)
		}
	}()
	m = call(context.Background())
	a.Handle(c, m)
}
