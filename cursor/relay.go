package cursor

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

// maxPeers bounds the nodes whose frames are counted at once. Beyond it counting begins
// anew.
const maxPeers = 1024

// relaying is the board's side of the Relay.
type relaying struct {
	incarnation uint64
	number      uint64 // of the last frame sent
	sending     bool
	at          time.Time // no frame before it
	quiet       time.Time // when to say again how many there were; zero: it was said often enough
	quietFor    time.Duration

	following bool
	asking    bool      // Follow is on its way
	again     time.Time // when Follow may be tried next
	deaf      bool      // the Relay or the Store failed: receivers do with what there is

	peers map[string]peer
}

// peer is what was last received from another node's actor.
type peer struct{ incarnation, number uint64 }

func (r *relaying) busy() bool { return r.sending || r.asking || !r.quiet.IsZero() }

// arrived files the number of a frame and reports whether one before it was missed, or
// whether it was overtaken itself.
func (r *relaying) arrived(f *frame) (missed, late bool) {
	last, met := r.peers[f.node]
	if met && (f.incarnation < last.incarnation || f.incarnation == last.incarnation && f.number <= last.number) {
		return false, true
	}
	if r.peers == nil || len(r.peers) >= maxPeers && !met {
		r.peers = make(map[string]peer)
	}
	r.peers[f.node] = peer{f.incarnation, f.number}
	if met && f.incarnation == last.incarnation {
		return f.number > last.number+1, false
	}
	return f.number > 1, false
}

func (a *actor) onRelayed(f frame) {
	if !a.relay.following || a.boards.dead.has(f.life) {
		return
	}
	now := time.Now()
	missed, late := a.relay.arrived(&f)
	if missed {
		a.m.holes.Inc()
		a.ask(now, true)
	}
	for _, e := range f.entries {
		if a.merge(now, e, a.policy.TTL, false) && late {
			a.askAgain(now) // what followed on it may have been missed, and made up for without it
		}
	}
}

// connect follows the other nodes while somebody here looks or moves.
func (a *actor) connect(c *actors.Context[message], now time.Time) {
	r := &a.relay
	if a.boards.cfg.Relay == nil || r.asking {
		return
	}
	wanted := (a.fan.Len() > 0 || len(a.joins) > 0 || a.board.own > 0) && !a.quiting
	switch {
	case !wanted && r.following:
		a.boards.cfg.Relay.Unfollow(a.name)
		r.following, r.deaf, r.peers = false, false, nil
		a.load = loading{running: a.load.running, began: a.load.began}
		a.board.leave()
		a.board.take()
		a.snap = nil
	case wanted && !r.following && !now.Before(r.again):
		r.asking = true
		b, name := a.boards, a.name
		c.Go(func(ctx context.Context) message {
			ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
			defer cancel()
			return &followed{err: b.cfg.Relay.Follow(ctx, name, (*sink)(b))}
		}, func(err error) message { return &followed{err: err} })
	}
}

func (a *actor) onFollowed(m *followed) {
	now := time.Now()
	a.relay.asking = false
	if m.err != nil {
		a.m.unrelayed.Inc()
		a.relay.again, a.relay.deaf = now.Add(retryWait), true
		a.admitAll()
		return
	}
	a.relay.following = true
	a.ask(now, true)
	a.load.at = now // however lately it was read before
}

// publish gives the Relay one frame at a time, and at most one a tick; what changes
// meanwhile is in the next one.
func (a *actor) publish(c *actors.Context[message], now time.Time) {
	r := &a.relay
	if a.boards.cfg.Relay == nil {
		a.board.relay = keys{}
		return
	}
	if r.sending || now.Before(r.at) && !a.quiting {
		return
	}
	due := !r.quiet.IsZero() && !now.Before(r.quiet)
	if a.board.relay.len() == 0 && !due {
		return
	}
	cut := a.board.relay.cut(a.board.sizeOf)
	r.number++
	f := frame{node: a.boards.cfg.Node, life: a.board.life, incarnation: r.incarnation, number: r.number, entries: a.board.entries(cut)}
	if r.sending, r.quiet = true, (time.Time{}); len(cut) > 0 {
		r.quietFor = quietWait
	}
	if a.board.relay.len() == 0 {
		r.at = now.Add(max(0, a.policy.Tick))
	}
	b, name := a.boards, a.name
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
		return &sent{keys: cut, err: b.cfg.Relay.Publish(ctx, name, f.encode())}
	}, func(err error) message { return &sent{keys: cut, err: err} })
}

func (a *actor) onSent(m *sent) {
	r := &a.relay
	now := time.Now()
	r.sending = false
	switch {
	case m.err != nil:
		a.m.unrelayed.Inc()
		r.at = now.Add(retryWait)
		if !a.quiting {
			a.board.retell(&a.board.relay, m.keys)
			r.quiet = now.Add(r.quietFor)
		}
	case r.quietFor <= min(maxQuiet, a.policy.TTL) && !a.quiting:
		r.quiet = now.Add(r.quietFor)
		r.quietFor *= 2
	}
}
