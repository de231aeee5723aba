package cursor

import (
	"github.com/troupe-rt/troupe/actors"
)

// An actor is one board on one node.
type actor struct {
	boards *Boards
	topic  string
	in     *inbox
}

func (b *Boards) newActor(of string) actors.Behavior[message] {
	a := &actor{boards: b, topic: of}
	a.in = b.inbox(of, a)
	return a
}

func (a *actor) Start(*actors.Context[message])           {}
func (a *actor) Handle(*actors.Context[message], message) {}
func (a *actor) Flush(*actors.Context[message])           {}
func (a *actor) Stop(*actors.Context[message], error)     { a.boards.inboxes.end(a.topic, a.in, a) }
