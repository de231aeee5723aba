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
	taking *take // what is asked, if it is that
	stale  bool  // what is asked now must not be believed: the key was changed meanwhile
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
	case *take:
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
	if a.taking != nil && a.taking.dropped.Load() {
		a.asking, a.taking = false, nil
		a.forget()
	}
	for !a.asking && len(a.queue) > 0 {
		if m, ok := a.queue[0].(*alter); ok {
			a.queue = a.queue[1:]
			a.alter(c, m)
		} else {
			a.take()
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
func (a *actor) take() {
	t := newTake(a.lim.policy.Name, a.face.ref, a.l.clock())
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
	t.wants[len(t.wants)-1].Ahead = a.share.next(t.since, a.lim.terms.Lease*1000, a.holding(), points, a.lim.policy.Lease)
	a.asking, a.taking, a.stale = true, t, false
	a.ask(t)
}

// ask takes from the Store: a local one at once, another one in line.
func (a *actor) ask(t *take) {
	l, p := a.l, &a.lim.policy
	if l.local {
		t.sent = t.since
		t.grants, t.err = l.cfg.Store.Take(context.Background(), *p, t.wants)
		a.onTaken(t)
		return
	}
	if err := l.line(a.lim, l.cfg.Store.Place(*p, a.key)).add(t); err != nil { // else t is the line's
		t.err = err
		a.onTaken(t)
	}
}

func (a *actor) onTaken(t *take) {
	if t == a.taking {
		a.asking, a.taking = false, nil
		if t.check(); t.err == nil && !a.stale {
			a.learn(t.wants, t.outcome)
		}
	}
	t.finish(a.lim, a.holding())
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
