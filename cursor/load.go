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
	anew    bool      // receivers are to be given a snapshot afterwards
}

// ask wants the board read, soon.
func (a *actor) ask(now time.Time, anew bool) {
	if !a.relay.following {
		return // it is read when it is
	}
	at := now
	if soonest := a.load.began.Add(settleTime); soonest.After(at) {
		at = soonest
	}
	a.load.at = earlier(a.load.at, at)
	a.load.anew = a.load.anew || anew
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
		a.merge(now, e, min(e.Left, a.policy.TTL))
	}
	a.m.missing.Add(float64(a.board.missing(kept, a.load.began.Add(-settleTime))))
	// What was relayed before this node followed, or in the frame that it missed, may
	// have come to the Store only after it was read.
	again := !a.load.done || a.load.anew
	if again {
		a.load.at = earlier(a.load.at, a.load.began.Add(settleTime))
	}
	if anew := a.load.anew; anew {
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

// merge files what came from elsewhere.
func (a *actor) merge(now time.Time, e Entry, left time.Duration) {
	v, lost := a.board.merge(now, e, left)
	if v == refused {
		a.m.foreign.Inc()
	}
	if lost != nil {
		a.in.forget(lost)
	}
	if v == taken {
		a.soonest(now.Add(left))
	}
}

// soonest has what expires be looked for no later than at a moment.
func (a *actor) soonest(at time.Time) { a.expiry = earlier(a.expiry, at) }
