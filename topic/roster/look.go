package roster

import (
	"context"
	"fmt"
	"maps"

	"github.com/troupe-rt/troupe/actors"
)

// look asks the Store where the roster stands, or, after what may have set the Store
// back, for the whole roster too: it may give numbers a second time.
func (a *actor) look(c *actors.Context[message], m look) {
	if m.timed {
		a.timed = false
	}
	if !a.inUse() || !a.state.known {
		return
	}
	if m.whole {
		a.missed(never)
		a.ensure(c)
	}
	if a.checking {
		return
	}
	a.checking = true
	at := moment{a.state.epoch, a.state.version}
	calls, life := a.calls, a.r.cfg.Life()
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
		defer cancel()
		s, err := a.r.cfg.Store.Check(ctx, a.name)
		return &checked{s, at, calls, life, m, err}
	}, func(err error) message { return &checked{err: err} })
}

// checked compares what the Store says with what is known here, and has what
// differs read or written anew.
func (a *actor) checked(c *actors.Context[message], m *checked) {
	a.checking = false
	if m.err != nil {
		a.failed(c, "check", m.err)
		return
	}
	switch s := m.standing; {
	case s.Epoch == m.at.epoch && s.Version < m.at.version: // it lost what it had
		a.missed(never)
	case s.Epoch != a.state.epoch || s.Closed != a.state.closed:
		a.missed(moment{s.Epoch, s.Version})
	case s.Version > a.state.version:
		a.await(c, s.Version)
	}
	a.compareCount(c, m)
	a.adoptOrphans(c, m.standing.Lives)
}

// compareCount looks whether the Store has as many members of ours as we show. While
// that is changing it can not be told.
func (a *actor) compareCount(c *actors.Context[message], m *checked) {
	n, sure := a.local.shown()
	sure = sure && !a.writing && m.calls == a.calls && m.life == a.r.cfg.Life()
	switch {
	case sure && n != m.standing.Lives[m.life]:
		a.local.disown(a.state.members)
		a.local.doubtAll(false)
	case sure && m.look.timed:
		a.shaky = max(a.shaky-1, 0)
	case !sure && m.look.counts > 0:
		c.After(retryWait, look{counts: m.look.counts - 1})
	}
}

// adoptOrphans drops what lives show that no node has, now and at the look before.
func (a *actor) adoptOrphans(c *actors.Context[message], lives map[string]int) {
	var seen map[string]bool
	for life := range lives {
		if life == a.r.cfg.Life() || a.r.cfg.Alive(life) {
			continue
		}
		if !a.orphans[life] {
			if seen == nil {
				seen = make(map[string]bool)
			}
			seen[life] = true
			continue
		}
		c.Logger().Warn("members of an unknown node are removed", "topic", a.name)
		a.r.m.buried.Inc()
		c.Go(func(ctx context.Context) message {
			ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
			defer cancel()
			return &buriedOrphan{a.r.cfg.Store.Bury(ctx, life, a.name)}
		}, func(err error) message { return &buriedOrphan{err} })
	}
	a.orphans = seen
}

// copied is the roster for somebody who keeps it.
func (a *actor) copied() *View {
	v := *a.seen()
	v.Members = maps.Clone(v.Members)
	return &v
}

func unavailable(name string, err error) error {
	return fmt.Errorf("roster: %q: %w: %w", name, ErrUnavailable, err)
}
