package roster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// settle has a session join once it is known what it depends on.
func (a *actor) settle(m *join) {
	if m.session.Settle == nil || m.session.Lasting || len(a.settling) == 0 && a.state.known {
		a.join(m)
		return
	}
	a.settling = append(a.settling, m)
}

// join makes or changes a session. Its member is written with the next batch.
func (a *actor) join(m *join) {
	if settle := m.session.Settle; settle != nil {
		m.session.Value, m.session.Tag = settle(a.valueOf(m.session.Key))
	}
	before := len(a.local.seats)
	s := a.local.put(m.session)
	if len(a.local.seats) > before {
		s.by = m
	}
	a.r.m.members.Add(float64(len(a.local.seats) - before))
	if m.done != nil {
		s.asked = append(s.asked, m.done)
	}
	if m.session.Outlet != nil {
		s.owed++
	}
	a.eager = true
	member := a.local.keys[s.Key]
	if !member.marked && !member.busy {
		a.lagging = append(a.lagging, member)
	}
}

// valueOf is what a member's value is, or will be when this node is done writing.
func (a *actor) valueOf(key string) []byte {
	switch m := a.local.keys[key]; {
	case m == nil:
		return a.state.members[key]
	case m.wanted() != nil:
		return m.wanted()
	case m.shown != nil || m.busy || m.unsure:
		return nil // it is about to leave
	default:
		return a.state.members[key]
	}
}

// leave ends a session. If it was its member's last, the member leaves too, or
// stays for the grace.
func (a *actor) leave(c *actors.Context[message], m *leave) {
	if m.undo != nil {
		if s := a.local.seats[seatName{m.outlet, m.receiver}]; (s == nil || s.by != m.undo) && !slices.Contains(a.settling, m.undo) {
			return // it changed a session that was there before
		}
	}
	s, member := a.local.take(seatName{m.outlet, m.receiver})
	if s != nil {
		a.r.m.members.Dec()
		s.owed = 0 // Left answers
		a.disappoint(s, ErrAbsent)
		if known := member.shown != nil || member.busy; len(member.seats) == 0 && known && a.rules.Grace > 0 && !m.now {
			grace := a.local.stay(member, s.Value)
			c.After(a.rules.Grace, &expired{member.key, grace})
		}
		a.local.rest(member)
	}
	a.settling = slices.DeleteFunc(a.settling, func(j *join) bool {
		mine := j.session.Outlet == m.outlet && j.session.Receiver == m.receiver
		if mine && j.done != nil {
			j.done(ErrAbsent)
		}
		return mine
	})
	a.watchers = slices.DeleteFunc(a.watchers, func(w *watch) bool {
		return w.outlet == m.outlet && w.receiver == m.receiver
	})
	if m.outlet != nil {
		a.part(m.outlet, m.receiver)
	}
}

// part takes a receiver out, and tells its outlet so.
func (a *actor) part(o topic.Outlet, receiver any) {
	had := a.out.Len()
	a.out.Leave(o, receiver)
	a.r.m.receivers.Add(float64(a.out.Len() - had))
}

// disappoint answers a session that ends what it still waits for.
func (a *actor) disappoint(s *seat, err error) {
	for _, done := range s.asked {
		done(err)
	}
	s.asked = nil
	for ; s.owed > 0; s.owed-- {
		s.Outlet.Joined(a.name, s.Receiver, topic.Joined{Err: err})
	}
}

// write hands the next batch to the Store. One that failed is left alone for a
// while, unless somebody new wants to know.
func (a *actor) write(c *actors.Context[message]) {
	if a.writing || a.pacing || len(a.local.dirty) == 0 || a.resting && !a.eager {
		return
	}
	a.eager = false
	batch, ops, settled := a.local.batch()
	a.lagging = append(a.lagging, settled...)
	a.admit()
	if len(batch) == 0 {
		return
	}
	a.writing = true
	a.calls++
	m := &applied{batch: batch, ops: ops, call: a.calls, life: a.r.cfg.Life()}
	call := func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
		defer cancel()
		m.answer, m.err = a.r.cfg.Store.Apply(ctx, a.name, m.life, ops, a.rules.Max)
		return m
	}
	if a.r.local {
		a.Handle(c, call(context.Background()))
		a.write(c)
		return
	}
	c.Go(call, func(err error) message { m.err = err; return m })
}

// applied takes in what the Store made of a batch.
func (a *actor) applied(c *actors.Context[message], m *applied) {
	if m.call != a.calls { // the actor panicked since, and wrote it all again, perhaps before this
		for _, member := range m.batch {
			a.local.doubt(a.local.of(member.key))
		}
		return
	}
	a.writing = false
	if m.life != a.r.cfg.Life() { // it was written for a node that is dead
		m.err = ErrBuried
	}
	switch {
	case errors.Is(m.err, ErrClosed):
		a.turnedAway(m.batch)
		return
	case m.err != nil:
		a.unwritten(c, m)
		return
	}
	if a.overtaken(m) {
		return
	}
	if a.wrote != "" && a.wrote != m.answer.Epoch {
		a.local.doubtAll(false) // the others were lost
	}
	a.wrote = m.answer.Epoch
	a.count(m.answer.Changes)
	refused := make(map[int]bool, len(m.answer.Refused))
	for _, i := range m.answer.Refused {
		refused[i] = true
	}
	for i, member := range m.batch {
		if refused[i] {
			a.local.wrote(member, nil, 0)
			a.refuse(member)
			continue
		}
		a.local.wrote(member, m.ops[i].Value, m.answer.Version)
		a.lagging = append(a.lagging, member)
	}
	a.learn(c, m.answer.Epoch, m.answer.Version, m.answer.Changes)
	if len(m.answer.Changes) > 0 {
		a.pace(c)
	}
	a.admit()
}

// pace has the next batch gather for as long as telling of this one may take.
func (a *actor) pace(c *actors.Context[message]) {
	if d := min(time.Duration(a.out.Len())*perReceiver, maxPace); d >= minPace {
		a.pacing = true
		c.After(d, paced{})
	}
}

// unwritten handles a batch of which nobody knows whether it was written. Sessions
// that are not lasting, and that nobody was told of, go.
func (a *actor) unwritten(c *actors.Context[message], m *applied) {
	a.failed(c, "apply", m.err)
	if !errors.Is(m.err, ErrBuried) {
		a.shaky = 2
	}
	err := fmt.Errorf("roster: join %q: %w: %w", a.name, ErrUnavailable, m.err)
	for _, member := range m.batch {
		a.local.failed(member)
		for _, s := range append([]*seat(nil), member.seats...) {
			if s.Lasting {
				a.promise(s)
				continue
			}
			if !s.admitted {
				a.local.take(s.name)
				a.r.m.members.Dec()
			}
			a.disappoint(s, err)
		}
	}
}

// promise tells a lasting session that it will be a member in time.
func (a *actor) promise(s *seat) {
	s.admitted = s.admitted || !s.Lasting
	for _, done := range s.asked {
		done(nil)
	}
	s.asked = nil
}

// refuse ends the sessions of a member for whom there is no place.
func (a *actor) refuse(member *mine) {
	a.r.m.refused.Inc()
	for _, s := range append([]*seat(nil), member.seats...) {
		a.local.take(s.name)
		a.r.m.members.Dec()
		a.disappoint(s, &FullError{a.rules.Max})
		s.end(&FullError{a.rules.Max})
		if s.admitted && s.Outlet != nil { // its place was lost, as when the Store was emptied
			a.part(s.Outlet, s.Receiver)
		}
	}
	member.linger = nil
	a.local.mark(member)
}

// admit lets in those whose member is on the roster that is known.
func (a *actor) admit() {
	waiting := a.lagging[:0]
	for _, member := range a.lagging {
		switch {
		case member.busy || member.marked && !member.settled():
			// it will be written again, and come here again
		case member.shown != nil && (!a.state.known || a.state.epoch != a.wrote || a.state.version < member.need):
			waiting = append(waiting, member)
		default:
			for _, s := range member.seats {
				a.welcome(s)
			}
			a.local.rest(member)
		}
	}
	clear(a.lagging[len(waiting):])
	a.lagging = waiting
}

// welcome tells a session that it is a member.
func (a *actor) welcome(s *seat) {
	s.admitted = true
	for _, done := range s.asked {
		done(nil)
	}
	s.asked = nil
	for ; s.owed > 0; s.owed-- {
		a.receive(s.Outlet, s.Receiver, s.Key)
	}
}

// receive lets a receiver in, with the roster if it does not have it.
func (a *actor) receive(o topic.Outlet, receiver any, key string) {
	j := topic.Joined{Slow: a.rules.Slow}
	if !a.out.Has(o, receiver) {
		j.Missed = a.face.State(a.seen(), key)
		a.r.m.receivers.Inc()
	}
	a.out.Join(o, receiver, j)
}

// admitWatchers lets those in who only watch.
func (a *actor) admitWatchers() {
	if !a.state.known || len(a.watchers) == 0 {
		return
	}
	for _, w := range a.watchers {
		a.receive(w.outlet, w.receiver, "")
	}
	a.watchers = nil
}

// sessions are those who joined on this node.
func (a *actor) sessions() []Session {
	all := make([]Session, 0, len(a.local.seats))
	for _, s := range a.local.seats {
		all = append(all, s.Session)
	}
	return all
}
