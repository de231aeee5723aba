package cursor

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// loading is the board's side of Store.Load.
type loading struct {
	running bool
	done    bool      // it succeeded since the node follows
	began   time.Time // the last one
	at      time.Time // the next one; zero: none
	until   time.Time // one is to begin then, or later
	anew    bool      // receivers are to be given a snapshot afterwards
}

// ask wants the board read soon, and once more: what was relayed before this node
// followed, or in a frame that it missed, may come to the Store only after the first time.
func (a *actor) ask(now time.Time, anew bool) {
	if !a.relay.following {
		return // it is read when it is
	}
	a.askAgain(now)
	a.load.at = earlier(a.load.at, later(now, a.load.began.Add(settleTime)))
	a.load.anew = a.load.anew || anew
}

// askAgain wants the board read when the Store has all that was relayed until now.
func (a *actor) askAgain(now time.Time) {
	a.load.until = later(a.load.until, now.Add(settleTime))
	a.load.at = earlier(a.load.at, a.load.until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// read asks the Store, if it is time.
func (a *actor) read(c *actors.Context[message], now time.Time) {
	if a.load.running || a.load.at.IsZero() || now.Before(a.load.at) || !a.relay.following || a.quiting {
		return
	}
	a.load.running, a.load.began, a.load.at = true, now, time.Time{}
	a.m.loads.Inc()
	b, of := a.boards, a.topic
	c.Go(func(ctx context.Context) message {
		entries, err := b.stored(ctx, of)
		return &loaded{entries: entries, err: err}
	}, func(err error) message { return &loaded{err: err} })
}

// stored is what the Store has, without what is not to be believed.
func (b *Boards) stored(ctx context.Context, of string) ([]Entry, error) {
	select {
	case b.loading <- struct{}{}:
		defer func() { <-b.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	all, err := b.cfg.Store.Load(ctx, of)
	if err != nil {
		return nil, err
	}
	entries := all[:0]
	for _, e := range all {
		if e.Left > 0 && e.Data != nil && e.valid() && word(e.Life) && !b.dead.has(e.Life) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func (a *actor) onLoaded(m *loaded) {
	now := time.Now()
	a.load.running = false
	if !a.relay.following {
		return
	}
	if m.err != nil {
		a.m.unsaved.Inc()
		a.load.at, a.relay.deaf = now.Add(retryWait), true
		a.admitAll()
		return
	}
	kept := make(map[string]bool, len(m.entries))
	for _, e := range m.entries {
		kept[e.Key] = true
		a.merge(now, e, min(e.Left, a.policy.TTL), true)
	}
	a.m.missing.Add(float64(a.board.missing(now, kept, a.load.began.Add(-settleTime))))
	if a.load.began.Before(a.load.until) {
		a.load.at = earlier(a.load.at, a.load.until)
	}
	if a.load.anew {
		a.load.anew = false
		a.showAnew(now)
	}
	a.load.done, a.relay.deaf = true, false
	a.admitAll()
}

// showAnew gives receivers the whole board, if it changed.
func (a *actor) showAnew(now time.Time) {
	if len(a.board.changed.order) == 0 {
		return
	}
	a.board.take()
	a.snap = nil
	if a.policy.Tick > 0 {
		a.tickEnd = now.Add(a.policy.Tick)
	}
	a.fan.Send(a.snapshot())
}

// merge files what came from elsewhere, and reports whether the board has it now.
func (a *actor) merge(now time.Time, e Entry, left time.Duration, stored bool) bool {
	v, lost := a.board.merge(now, e, left, stored)
	if v == refused {
		a.m.foreign.Inc()
	}
	if lost != nil {
		a.in.forget(lost)
	}
	if v == taken {
		a.expiry = earlier(a.expiry, now.Add(left))
	}
	return v == taken || v == same
}
