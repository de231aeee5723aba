package ratelimit

import (
	"context"
	"slices"
	"strings"

	"github.com/troupe-rt/troupe/actors"
)

// maxWaiting bounds the messages that wait for the Store behind one that is under way.
const maxWaiting = 8192

// An actor is one key of one limit on one node. It asks the Store one thing at a time;
// what comes meanwhile is asked together.
type actor struct {
	l     *Limits
	lim   *limit
	key   string
	face  *face
	share share

	queue  []message // *consume and *alter, in order
	asking bool
	stale  bool // what is asked now must not be believed: the key was changed meanwhile
}

func (l *Limits) newActor(id string) actors.Behavior[message] {
	name, key, _ := strings.Cut(id, "\x00")
	l.live.Add(1)
	return &actor{l: l, lim: l.limits[name], key: key, face: &face{ref: l.keeper.Ref(id)}}
}

func (a *actor) Start(*actors.Context[message]) {
	a.lim.faces.show(a.key, a.face)
}

func (a *actor) Handle(c *actors.Context[message], m message) {
	switch m := m.(type) {
	case *consume:
		a.onConsume(m)
	case *alter:
		a.enqueue(m)
	case *taken:
		a.onTaken(m)
	case *altered:
		a.onAltered(m)
	case *forget:
		if m.limit == a.lim.policy.Name {
			a.forget()
		}
	}
}

// Flush is called when the mailbox ran dry: what gathered is asked together.
func (a *actor) Flush(c *actors.Context[message]) {
	for !a.asking && len(a.queue) > 0 {
		if m, ok := a.queue[0].(*alter); ok {
			a.queue = a.queue[1:]
			a.alter(c, m)
		} else {
			a.take(c)
		}
	}
	if len(a.queue) == 0 {
		a.queue = nil
	}
}

func (a *actor) MayPassivate() bool { return !a.asking && len(a.queue) == 0 }

func (a *actor) Stop(_ *actors.Context[message], reason error) {
	a.l.live.Add(-1)
	a.lim.faces.hide(a.key, a.face)
	for _, m := range a.queue {
		m.Refuse(reason)
	}
	a.queue = nil
}

func (a *actor) onConsume(m *consume) {
	if !a.decide(m) {
		a.enqueue(m)
	}
}

func (a *actor) enqueue(m message) {
	if len(a.queue) >= maxWaiting {
		m.Refuse(errOverloaded)
		return
	}
	a.queue = append(a.queue, m)
}

// decide answers a consume by what is known.
func (a *actor) decide(m *consume) bool {
	r, ok := a.l.decide(a.lim, a.face, m.cost)
	if ok {
		m.answer(r, nil)
	}
	return ok
}

// take asks the Store for what waits, up to the next alter.
func (a *actor) take(c *actors.Context[message]) {
	t := &take{limit: a.lim.policy.Name}
	n, points := 0, 0
	for ; n < len(a.queue); n++ {
		m, ok := a.queue[n].(*consume)
		if !ok {
			break
		}
		if m.gone() || a.decide(m) {
			continue
		}
		if !t.add(a.key, m) {
			break
		}
		points += m.cost
	}
	a.queue = slices.Delete(a.queue, 0, n)
	if len(t.wants) == 0 {
		return
	}
	held := a.holding()
	t.wants[len(t.wants)-1].Ahead = a.share.next(a.l.clock(), a.lim.terms.Lease*1000, held, points, a.lim.policy.Lease)
	a.asking, a.stale = true, false
	a.ask(c, t)
}

// ask takes from the Store: a local one at once, another one off the actor.
func (a *actor) ask(c *actors.Context[message], t *take) {
	lim, l := a.lim, a.l
	if l.local {
		sent := l.clock()
		grants, err := l.cfg.Store.Take(context.Background(), lim.policy, t.wants)
		a.onTaken(&taken{t, outcome{grants, sent, err}})
		return
	}
	line := l.line(lim, l.cfg.Store.Place(lim.policy, a.key))
	c.Go(func(context.Context) message { return &taken{t, line.take(t.wants)} },
		func(err error) message { return &taken{t, outcome{err: err}} })
}

func (a *actor) onTaken(m *taken) {
	a.asking = false
	if m.err == nil && !m.take.fits(m.grants) {
		m.err = errAnswer
	}
	if m.err != nil {
		m.take.fail(refusal(m.take.limit, m.err))
		return
	}
	if !a.stale {
		a.learn(m.take.wants, m.outcome)
	}
	held := a.holding()
	a.lim.metrics.took(m.take.wants, m.grants)
	m.take.settle(a.lim.terms, m.grants, held)
}

// learn shows what the last answer says, if that is of use.
func (a *actor) learn(wants []Want, o outcome) {
	held, until := 0, int64(0)
	if old := a.face.known.Load(); old != nil {
		held, until = old.lease.drain(a.l.clock()), old.lease.until
	}
	w, g := wants[len(wants)-1], o.grants[len(wants)-1]
	if held+g.Leased == 0 && g.Remaining > 0 && g.Allowed == w.Count {
		a.face.known.Store(nil)
		return
	}
	a.face.known.Store(learn(o, &a.lim.policy, a.lim.terms, held, until))
}

// holding is how many points the node has leased and not used.
func (a *actor) holding() int {
	k := a.face.known.Load()
	if k == nil || a.l.clock() >= k.lease.until {
		return 0
	}
	return int(k.lease.left.Load())
}

// forget gives up what is known and leased: the key may stand otherwise now.
func (a *actor) forget() {
	a.stale = true
	if k := a.face.known.Swap(nil); k != nil {
		k.lease.drain(0)
	}
}

// alter has the Store change the key.
func (a *actor) alter(c *actors.Context[message], m *alter) {
	if m.gone() {
		return
	}
	a.asking = true
	l, p := a.l, a.lim.policy
	change := func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, l.patience)
		defer cancel()
		return &altered{m, l.cfg.Store.Change(ctx, p, a.key, m.change)}
	}
	if l.local {
		a.onAltered(change(context.Background()).(*altered))
		return
	}
	c.Go(change, func(err error) message { return &altered{m, err} })
}

func (a *actor) onAltered(m *altered) {
	a.asking = false
	a.forget()
	if m.err != nil {
		m.alter.Refuse(m.err)
		return
	}
	m.alter.answer(Result{}, nil)
}
