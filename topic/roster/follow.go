package roster

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// ensure asks for what it takes to know the roster: first that frames arrive, then
// the roster itself, so that no change falls between the two.
func (a *actor) ensure(c *actors.Context[message]) {
	switch {
	case a.resting && !a.eager && len(a.settling) == 0:
	case a.r.cfg.Relay != nil && !a.follows:
		a.follow(c)
	case !a.loading && (a.behind || !a.state.known):
		a.load(c)
	}
}

// never is a moment that no answer is known to have.
var never = moment{version: math.MaxUint64}

// missed has the roster read, which is known to have been at a moment that is not
// known here. Nobody needs it: then once somebody does.
func (a *actor) missed(at moment) {
	if a.loading || a.needed() {
		a.behind, a.wants = true, at // an answer on its way may be from before
	} else {
		a.state.known = false
	}
}

func (a *actor) follow(c *actors.Context[message]) {
	if a.following {
		return
	}
	a.following = true
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
		defer cancel()
		return &followed{a.r.cfg.Relay.Follow(ctx, a.name, sink{a.r})}
	}, func(err error) message { return &followed{err} })
}

func (a *actor) followed(c *actors.Context[message], err error) {
	if err != nil {
		a.following = false
		a.failed(c, "follow", err)
		a.giveUp(err)
		return
	}
	a.follows = true
}

func (a *actor) load(c *actors.Context[message]) {
	a.loading, a.asked, a.behind = true, a.state.epoch, false
	a.loads++
	a.state.ask()
	call := func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
		defer cancel()
		s, err := a.r.cfg.Store.Load(ctx, a.name)
		return &loaded{s, err}
	}
	if a.r.local {
		a.Handle(c, call(context.Background()))
		return
	}
	c.Go(call, func(err error) message { return &loaded{err: err} })
}

// loaded takes in the roster as the Store has it.
func (a *actor) loaded(c *actors.Context[message], m *loaded) {
	a.loading = false
	// What was read may be from before an epoch that was learned of meanwhile.
	if m.err == nil && (a.again || a.state.known && a.state.epoch != a.asked && a.state.epoch != m.snapshot.Epoch) {
		a.again = false
		a.load(c)
		return
	}
	if m.err != nil {
		a.behind, a.wants = a.state.known, never
		a.failed(c, "load", m.err)
		a.giveUp(m.err)
		return
	}
	if m.snapshot.Closed {
		a.state.epoch = m.snapshot.Epoch
		a.shut()
	} else if first, same := !a.state.known, a.state.same(m.snapshot); a.adopt(m.snapshot) {
		if !first && !same || first && a.out.Len() > 0 {
			a.r.m.resyncs.Inc()
			a.out.Send(a.face.State(a.seen(), ""))
		}
	}
	a.advance(c)
	if a.state.epoch == a.wants.epoch && a.state.version >= a.wants.version {
		a.behind = false
	}
	a.admit()
	a.admitWatchers()
}

// adopt takes the roster as the Store has it, and reports whether it did.
func (a *actor) adopt(n Snapshot) bool {
	did, back := a.state.adopt(n)
	if back { // the Store may also have members of ours again who have left
		a.local.disown(a.state.members)
		a.local.doubtAll(false)
	}
	if did {
		a.compare()
	}
	return did
}

// compare looks whether the roster has what the Store was told of us.
func (a *actor) compare() {
	if a.wrote != "" && a.wrote != a.state.epoch {
		a.wrote = ""
		a.local.doubtAll(false)
		return
	}
	for key, member := range a.local.keys {
		if member.shown != nil && !member.busy && a.state.members[key] == nil {
			a.local.doubt(member)
		}
	}
}

// giveUp answers those who can not wait.
func (a *actor) giveUp(err error) {
	err = unavailable(a.name, err)
	for _, r := range a.reads {
		r.reply.Fail(err)
	}
	for _, s := range a.says {
		s.done(err)
	}
	for _, j := range a.settling {
		j.Refuse(err)
	}
	a.reads, a.says, a.settling = nil, nil, nil
	for _, member := range a.lagging {
		for _, s := range member.seats {
			if !member.busy && !member.marked {
				a.promise(s)
			}
		}
	}
}

// relayed takes in a frame.
func (a *actor) relayed(c *actors.Context[message], f frame) {
	switch f.kind {
	case frameChange:
		a.learn(c, f.epoch, f.version, f.changes)
		a.admit()
	case frameClosed:
		if !a.state.known || a.state.epoch != f.epoch {
			a.missed(never)
		} else if !a.state.closed {
			a.shut()
		}
	case frameWord:
		a.heard(f)
	}
}

// learn takes in a version, from a frame or from the Store's answer.
func (a *actor) learn(c *actors.Context[message], epoch string, version uint64, changes []Change) {
	v := old
	switch {
	case len(changes) > 0:
		v = a.state.learn(epoch, version, changes)
	case !a.state.known:
	case epoch != a.state.epoch:
		v = foreign
	case version > a.state.version:
		v = early
	}
	switch {
	case v == taken:
		a.advance(c)
	case v == foreign && a.state.known:
		a.missed(moment{epoch, version})
	case v == early && a.state.known:
		a.await(c, version)
	}
}

// await gives a version, and those before it, some time to come by themselves.
func (a *actor) await(c *actors.Context[message], version uint64) {
	if a.hole == 0 {
		a.timers.hole.set(c, holeWait, overdue{version})
	}
	a.hole = max(a.hole, version)
}

// overdue reads the roster if a hole has not closed by itself.
func (a *actor) overdue(c *actors.Context[message], version uint64) {
	newest := a.hole
	a.hole = 0
	switch {
	case !a.state.known:
	case a.state.version < version:
		a.missed(moment{a.state.epoch, version})
	case a.state.version < newest:
		a.await(c, newest)
	}
}

// advance takes the versions whose turn it is and tells the receivers.
func (a *actor) advance(c *actors.Context[message]) {
	for {
		moved, ok := a.state.next()
		if !ok {
			break
		}
		for _, m := range moved {
			if m.Value != nil {
				continue
			}
			if mine := a.local.keys[m.Key]; mine != nil && mine.shown != nil && !mine.busy {
				a.local.doubt(mine) // somebody took our member off
			}
		}
		if len(moved) > 0 && a.out.Len() > 0 {
			a.out.Send(a.face.Diff(a.seen(), moved))
		}
	}
	if len(a.state.ahead) > 0 && a.state.known && a.state.of == a.state.epoch {
		a.await(c, a.state.version+1)
	}
}

// count notes what a batch of ours changed, before it counts as shown.
func (a *actor) count(changes []Change) {
	for _, ch := range changes {
		m := a.local.keys[ch.Key]
		switch {
		case ch.Value == nil:
			a.r.m.leaves.Inc()
		case m == nil || m.shown == nil:
			a.r.m.joins.Inc()
		default:
			a.r.m.updates.Inc()
		}
	}
}

// serve answers those who wait for the roster to be known.
func (a *actor) serve() {
	if !a.state.known || a.r.cfg.Relay != nil && !a.follows {
		return
	}
	if len(a.reads) > 0 {
		v := a.copied()
		for _, r := range a.reads {
			r.reply.Send(v)
		}
		a.reads = nil
	}
	waiting := a.says
	a.says = nil
	for _, s := range waiting {
		if a.state.closed && !a.readSince(s) {
			a.says = append(a.says, s)
			continue
		}
		a.say(s)
	}
	for _, j := range a.settling {
		a.join(j)
	}
	a.settling = nil
}

// readSince reports whether the roster was read since somebody wanted to say something:
// it may have been opened again, of which no frame tells. An answer that was on its way by
// then does not count.
func (a *actor) readSince(s *say) bool {
	if s.load == 0 {
		s.load = a.loads + 1
	}
	if a.loads < s.load {
		a.behind, a.wants = true, never
		return false
	}
	return a.loads > s.load || !a.loading
}

// restored looks at the roster after the Relay was interrupted.
func (a *actor) restored(c *actors.Context[message], m *restored) {
	if a.rules.Words && a.out.Len() > 0 {
		a.r.m.stale.Inc()
		a.out.Send(&topic.Batch{Events: []*topic.Event{topic.Stale(a.name, m.since)}})
	}
	a.lookWithin(c, a.r.spread())
}

// maxCounts is how often our members are counted after an interruption, until nothing is
// under way.
const maxCounts = 5

// lookWithin looks at the roster within a time.
func (a *actor) lookWithin(c *actors.Context[message], d time.Duration) {
	if d < time.Millisecond {
		a.look(c, look{whole: true, counts: maxCounts})
		return
	}
	c.After(rand.N(d), look{whole: true, counts: maxCounts})
}

// A sink hands over what the Relay brings.
type sink struct{ r *Rosters }

func (s sink) Received(name string, b []byte) {
	f, err := parseFrame(b)
	if err != nil {
		s.r.cfg.Logger.Debug("frame dropped", "topic", name, "err", err)
		return
	}
	_, _ = s.r.keeper.TellExisting(name[len(s.r.cfg.Prefix):], &relayed{f}) // what does not fit is noticed as a hole
}

func (s sink) Restored(name string, since time.Time) {
	_, _ = s.r.keeper.TellExisting(name[len(s.r.cfg.Prefix):], &restored{since}) // a full actor looks once a minute anyway
}
