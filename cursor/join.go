package cursor

import (
	"context"
	"fmt"
	"slices"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

func (a *actor) onAttach(m *attach) {
	if a.knowing() || a.relay.deaf {
		a.admit(m)
		return
	}
	a.joins = append(a.joins, m) // connect and read see to it
}

func (a *actor) admit(m *attach) {
	if !m.refused {
		a.fan.Join(m.outlet, m.receiver, topic.Joined{Missed: a.snapshot(), Slow: topic.SlowDropOldest})
	}
}

// admitAll lets those in who waited: the board is known, or can not be for now.
func (a *actor) admitAll() {
	joins := a.joins
	a.joins = nil
	for i, m := range joins {
		a.joins = joins[i+1:] // what is left if an Outlet panics
		a.admit(m)
	}
	a.joins = nil
}

func (a *actor) onDetach(m *detach) {
	a.joins = slices.DeleteFunc(a.joins, func(j *attach) bool {
		return j.outlet == m.outlet && j.receiver == m.receiver
	})
	a.fan.Leave(m.outlet, m.receiver)
}

// knowing reports whether the board shows all nodes' cursors.
func (a *actor) knowing() bool {
	return a.boards.cfg.Relay == nil || a.relay.following && a.load.done
}

func (a *actor) onLookUp(c *actors.Context[message], m *lookUp) {
	if a.knowing() {
		m.reply.Send(a.board.list(nil))
		return
	}
	b, of := a.boards, a.topic
	c.Go(func(ctx context.Context) message {
		entries, err := b.stored(ctx, of)
		return &looked{reply: m.reply, entries: entries, err: err}
	}, func(err error) message { return &looked{reply: m.reply, err: err} })
}

func (a *actor) onLooked(m *looked) {
	if m.err != nil {
		m.reply.Fail(fmt.Errorf("%w: list %q: %w", ErrUnavailable, a.topic, m.err))
		return
	}
	m.reply.Send(a.board.list(m.entries))
}
