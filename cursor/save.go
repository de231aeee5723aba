package cursor

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// saving is the board's side of Store.Save. It goes in rounds: what changed in one is for the
// next, which begins saveEvery after it.
type saving struct {
	round   keys      // what is still to be saved in this one
	began   time.Time // when the first of what this round saves had changed
	changed time.Time // the same of the next round; zero: nothing has
	at      time.Time // the next round, not before
	running bool
	late    bool // something comes to the Store later than others expect
}

func (s *saving) busy() bool { return s.running || s.round.len() > 0 }

// write gives the Store what changed: one call at a time, and one round in a while.
func (a *actor) write(c *actors.Context[message], now time.Time) {
	if a.boards.cfg.Relay == nil { // nobody else reads it
		a.board.save = keys{}
		return
	}
	s := &a.save
	if a.board.save.len() > 0 && s.changed.IsZero() {
		s.changed = now
	}
	if s.running {
		return
	}
	if s.round.len() == 0 && a.board.save.len() > 0 && (a.quiting || !now.Before(s.at)) {
		s.round, a.board.save = a.board.save, keys{}
		s.began, s.changed, s.at = s.changed, time.Time{}, now.Add(saveEvery)
	}
	for s.round.len() > 0 {
		cut := s.round.cut(a.board.sizeOf)
		if entries := a.board.entries(cut); len(entries) > 0 {
			a.give(c, cut, entries)
			return
		}
	}
}

func (a *actor) give(c *actors.Context[message], cut []string, entries []Entry) {
	a.save.running = true
	b, of, life, ttl := a.boards, a.topic, a.board.life, a.policy.TTL
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
		return &saved{keys: cut, err: b.cfg.Store.Save(ctx, of, life, entries, ttl)}
	}, func(err error) message { return &saved{keys: cut, err: err} })
}

func (a *actor) onSaved(m *saved) {
	s := &a.save
	now := time.Now()
	s.running = false
	if m.err != nil {
		a.m.unsaved.Inc()
		rest := append(m.keys, s.round.order...)
		s.late, s.at, s.round = true, now.Add(retryWait), keys{}
		if !a.quiting {
			a.board.retell(&a.board.save, rest)
		}
		return
	}
	if s.late = s.late || now.Sub(s.began) > lateTime; !s.late || a.quiting {
		return
	}
	// Whoever read the Store in the meantime believed it.
	for _, key := range m.keys {
		if p := a.board.cursors[key]; p != nil && p.slot != nil {
			a.board.renew(p, a.boards.clock.next())
		}
	}
	a.board.retell(&a.board.relay, m.keys)
	s.late = s.round.len() > 0
}
