package topic

import (
	"context"

	"github.com/troupe-rt/troupe/actors"
)

// fetch reads the Log, once at a time. Done, which may be nil, runs when the call
// is over, or at once if there is none.
func (a *actor) fetch(c *actors.Context[message], after uint64, done func()) {
	if a.fetching {
		if done != nil {
			done()
		}
		return
	}
	a.fetching = true
	log, name, keep, known := a.keep.log, a.name, a.policy.retention(), a.state.known
	asked, early := a.state.position(), a.state.newest()
	a.inLog(c, func(ctx context.Context) message {
		if done != nil {
			defer done()
		}
		limit := keep.Size
		if after == ^uint64(0) {
			limit = 0
		}
		page, err := log.Read(ctx, name, after, limit, keep)
		if err == nil && known && page.Head.Epoch != asked.Epoch && after > 0 {
			// Another life of the numbering: everything there is matters.
			after = 0
			page, err = log.Read(ctx, name, 0, keep.Size, keep)
		}
		return &fetched{after: after, asked: asked, early: early, page: page, err: err}
	}, func(err error) message { return &fetched{err: err} })
}

// repair fetches what the receivers lack, from the newest event that they have on,
// which also shows whether it is still the same in the Log.
func (a *actor) repair(c *actors.Context[message]) { a.fetch(c, max(a.state.head, 1)-1, nil) }

// check is repair for someone who knows that the Log may have changed.
func (a *actor) check(c *actors.Context[message], done func()) {
	if !a.state.known {
		done()
		return
	}
	a.behind = true
	if a.fetching { // that answer may be older than what is to be seen
		a.later(c, holeWait)
	}
	a.fetch(c, max(a.state.head, 1)-1, done)
}

// onLook reads what the Log has, for someone who changed it behind the actor.
func (a *actor) onLook(c *actors.Context[message]) {
	if a.policy.HasHistory() {
		a.check(c, func() {})
	}
}

// doubtful looks at the Log because it numbered events as it had numbered others.
func (a *actor) doubtful(c *actors.Context[message]) {
	a.state.doubt = false
	if a.keep.renewer != nil {
		a.check(c, func() {})
	}
}

func (a *actor) onFetched(c *actors.Context[message], m *fetched) {
	a.fetching = false
	if m.err != nil {
		a.m.failed.Inc()
		err := unavailable(a.name, "read", m.err)
		a.joinAll(func(*subscribe) Joined { return Joined{Err: err} })
		if a.behind {
			a.later(c, retryWait)
		}
		return
	}
	if a.keep.renewer != nil && a.state.wentBack(m.asked, m.page) {
		a.renew(c)
	}
	a.catchUp(c, m)
	if len(a.joins) > 0 && a.follow(c) { // nobody joins before frames arrive, whatever the Log was read for
		a.serve(m)
	}
	a.settle(c)
}

// catchUp brings the receivers to where the Log is, if the page tells.
func (a *actor) catchUp(c *actors.Context[message], m *fetched) {
	s := &a.state
	switch {
	case !s.known, m.page.Head.Epoch != s.epoch && m.after == 0, m.page.Head.Epoch == s.epoch && m.after <= s.head:
		if m.page.Head.Epoch == s.epoch && m.page.Head.Seq <= s.head {
			break
		}
		evs := s.fill(m.page)
		a.m.repaired.Add(float64(len(evs)))
		a.deliver(evs)
	case m.page.Head.Epoch != s.epoch:
		a.behind = true
	}
	forged := s.disown(m.early, m.page)
	a.topics.metrics.invalid.Add(float64(forged))
	a.behind = len(s.early) > 0 || forged > 0 || m.page.Head.Epoch != s.epoch || a.renewing
	if a.behind && !a.renewing {
		a.later(c, holeWait)
	}
}

// renew has the Log begin another epoch, since it forgot events that receivers
// were given.
func (a *actor) renew(c *actors.Context[message]) {
	if a.renewing {
		return
	}
	a.renewing = true
	a.m.renewals.Inc()
	c.Logger().Warn("log went back, its epoch is renewed", "topic", a.name)
	t, keep, name, epoch, timeout := a.topics, a.keep, a.name, a.state.epoch, a.topics.cfg.Timeout
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		err := keep.renewer.Renew(ctx, name, epoch)
		if err == nil {
			err = t.tellEpoch(ctx, name, keep)
		}
		return &renewed{err: err}
	}, func(err error) message { return &renewed{err: err} })
}

func (a *actor) onRenewed(c *actors.Context[message], m *renewed) {
	a.renewing = false
	a.behind = true
	if m.err != nil {
		a.m.failed.Inc()
		a.later(c, retryWait)
		return
	}
	if a.fetching {
		a.later(c, holeWait)
	}
	a.repair(c)
}
