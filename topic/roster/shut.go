package roster

// shut ends the roster for those who are on it: it was closed. Those who are about
// to join are for the Store to judge, which may know that it is open again.
func (a *actor) shut() {
	if !a.state.known || !a.state.closed {
		a.state.shut()
		a.out.Send(a.face.Mark(a.seen(), MarkClosed))
		a.r.m.receivers.Sub(float64(a.out.Len()))
		a.out.Empty()
	}
	for name, s := range a.local.seats {
		if s.admitted {
			a.local.take(name)
			a.r.m.members.Dec()
			a.disappoint(s, ErrClosed)
			s.end(ErrClosed)
		}
	}
	for _, m := range a.local.keys {
		m.linger = nil
		if !m.busy {
			m.shown, m.unsure = nil, len(m.seats) > 0
		}
		a.local.mark(m)
	}
}

// turnedAway handles a batch that found the roster closed.
func (a *actor) turnedAway(batch []*mine) {
	a.shut()
	for _, member := range batch {
		a.local.wrote(member, nil, 0)
		for _, s := range append([]*seat(nil), member.seats...) {
			a.local.take(s.name)
			a.r.m.members.Dec()
			a.disappoint(s, ErrClosed)
		}
		a.local.rest(member)
	}
}

// overtaken handles a batch that was written just before the roster was closed, which
// is known already: it is gone, and what is still wanted of it is asked for again.
func (a *actor) overtaken(m *applied) bool {
	if !a.state.known || !a.state.closed || m.answer.Epoch == "" || m.answer.Epoch != a.state.epoch {
		return false
	}
	for _, member := range m.batch {
		a.local.failed(member)
	}
	return true
}
