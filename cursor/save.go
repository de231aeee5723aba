package cursor

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// saving is the board's side of Store.Save.
type saving struct {
	running bool
	at      time.Time // no call before it
	failed  bool      // something is in the Store later than others expect
}

// write gives the Store what changed: one call at a time, and one in a while.
func (a *actor) write(c *actors.Context[message], now time.Time) {
	if a.boards.cfg.Relay == nil { // nobody else reads it
		a.board.save = keys{}
		return
	}
	s := &a.save
	if s.running || a.board.save.len() == 0 || now.Before(s.at) && !a.quiting {
		return
	}
	cut := a.board.save.cut(a.board.sizeOf)
	entries := a.board.entries(cut)
	if len(entries) == 0 {
		return
	}
	s.running = true
	if a.board.save.len() == 0 {
		s.at = now.Add(saveEvery)
	}
	b, of, life, ttl := a.boards, a.topic, a.board.life, a.policy.TTL
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
		return &saved{keys: cut, err: b.cfg.Store.Save(ctx, of, life, entries, ttl)}
	}, func(err error) message { return &saved{keys: cut, err: err} })
}

func (a *actor) onSaved(m *saved) {
	s := &a.save
	s.running = false
	if m.err != nil {
		a.m.unsaved.Inc()
		s.failed, s.at = true, time.Now().Add(retryWait)
		if !a.quiting {
			a.board.retell(&a.board.save, m.keys)
		}
		return
	}
	// Whoever read the Store in the meantime believed it.
	if s.failed && !a.quiting {
		a.board.retell(&a.board.relay, m.keys)
		s.failed = a.board.save.len() > 0
	}
}
