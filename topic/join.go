package topic

import (
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// maxTries bounds how often the Log is read again for one receiver because it
// moved on faster than it could be read.
const maxTries = 5

// maxCatchups bounds the catch-ups that are kept for others who missed the same.
const maxCatchups = 16

// settle lets those join for whom everything is there: the Relay brings what
// other nodes publish, the head is known, and so are the events they missed.
// What is lacking is asked for; its arrival calls settle again.
func (a *actor) settle(c *actors.Context[message]) {
	if len(a.joins) == 0 || !a.follow(c) {
		return
	}
	if !a.policy.HasHistory() {
		a.joinAll(func(*subscribe) Joined { return Joined{Slow: a.policy.Slow} })
		return
	}
	if a.state.known {
		a.joinRecent()
	}
	if len(a.joins) > 0 && !a.fetching {
		a.fetch(c, a.farthest(), nil) // its answer calls settle
	}
}

// joinRecent admits those who need nothing from the Log.
func (a *actor) joinRecent() {
	waiting := a.joins[:0]
	for _, j := range a.joins {
		missed, ok := a.missed(j)
		if !ok {
			waiting = append(waiting, j)
			continue
		}
		a.join(j, Joined{History: true, Head: a.state.position(), Missed: missed, Slow: a.policy.Slow})
	}
	a.keepWaiting(waiting)
}

// keepWaiting replaces the joins by those of them that are left.
func (a *actor) keepWaiting(left []*subscribe) {
	clear(a.joins[len(left):])
	if a.joins = left; len(left) == 0 {
		a.joins = nil
	}
}

// joinAll admits everyone who waits.
func (a *actor) joinAll(how func(*subscribe) Joined) {
	for _, j := range a.joins {
		a.join(j, how(j))
	}
	a.joins = nil
}

func (a *actor) join(j *subscribe, how Joined) {
	if how.Err == nil {
		group := a.members[j.sub.Outlet]
		if group == nil {
			if a.members == nil {
				a.members = make(map[Outlet]map[any]struct{}, 1)
			}
			group = make(map[any]struct{}, 1)
			a.members[j.sub.Outlet] = group
		}
		group[j.sub.Receiver] = struct{}{}
	}
	if m := how.Missed; m != nil {
		truncated := m.Events[0].loss != nil
		events := len(m.Events)
		if truncated {
			events--
		}
		a.m.past(events, truncated)
	}
	j.sub.Outlet.Joined(a.name, j.sub.Receiver, how)
}

// missed collects what a receiver asked for, from the window if it has it.
func (a *actor) missed(j *subscribe) (*Batch, bool) {
	if j.sub.Since == nil {
		return nil, true
	}
	since := *j.sub.Since
	now := time.Now()
	if a.policy.TTL > 0 && now.Sub(a.caughtAt) > time.Second {
		a.catchups = nil // its events may be past their time
	}
	key := a.state.placed(since)
	if b, ok := a.catchups[key]; ok {
		return b, true
	}
	evs, ok := a.state.recent(since, now)
	if !ok {
		return nil, false
	}
	return a.caught(key, evs), true
}

// caught keeps a catch-up for the next who missed the same: after an outage
// thousands come back with the same position.
func (a *actor) caught(key Position, evs []*Event) *Batch {
	if len(evs) == 0 {
		return nil
	}
	b := &Batch{Events: evs}
	if len(a.catchups) < maxCatchups {
		if a.catchups == nil {
			a.catchups, a.caughtAt = make(map[Position]*Batch), time.Now()
		}
		a.catchups[key] = b
	}
	return b
}

// farthest returns the number after which the Log must be read so that all who
// wait are served. Without anyone who wants the past it is the head itself.
func (a *actor) farthest() uint64 {
	far := ^uint64(0)
	for _, j := range a.joins {
		if j.sub.Since == nil {
			continue
		}
		after := j.sub.Since.Seq
		if a.state.known {
			after, _ = a.state.start(*j.sub.Since)
		}
		far = min(far, after)
	}
	return far
}

// serve admits those whose past the page holds.
func (a *actor) serve(m *fetched) {
	waiting := a.joins[:0]
	for _, j := range a.joins {
		if j.sub.Since == nil {
			waiting = append(waiting, j) // settle has all it needs
			continue
		}
		if missed, ok := a.missed(j); ok { // somebody before it missed the same
			a.join(j, Joined{History: true, Head: a.state.position(), Missed: missed, Slow: a.policy.Slow})
			continue
		}
		evs, ok := a.state.replay(*j.sub.Since, m.after, m.page)
		if j.tries++; !ok && j.tries < maxTries {
			waiting = append(waiting, j)
			continue
		}
		if !ok {
			a.join(j, Joined{Err: unavailable(a.name, "read", errMovingLog)})
			continue
		}
		missed := a.caught(a.state.placed(*j.sub.Since), evs)
		a.join(j, Joined{History: true, Head: a.state.position(), Missed: missed, Slow: a.policy.Slow})
	}
	a.keepWaiting(waiting)
}
