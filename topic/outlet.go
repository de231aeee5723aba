package topic

import "sync"

// An Outlet takes what a topic sends, for one receiver or for many. The gateway
// has one per delivery shard, whichever topics its connections follow.
//
// A topic calls its outlets from its own goroutine: calls about one topic come
// one at a time and in the topic's order, calls about different topics come at
// once. A method must not block and must not wait for the topic. Everything it
// is given is shared and immutable.
type Outlet interface {
	// Deliver hands over live events.
	Deliver(topic string, b *Batch)

	// Joined answers Subscribe for one receiver. The receiver is to be given
	// j.Missed, and then every Deliver that follows: no hole, no double.
	Joined(topic string, receiver any, j Joined)

	// Left answers Unsubscribe: no Deliver that follows is for the receiver.
	Left(topic string, receiver any)

	// Closed ends all receivers of the topic: it failed, or the node stops.
	Closed(topic string, err error)
}

// Joined says how a subscription began.
type Joined struct {
	// Err refuses the subscription; everything else is then zero.
	Err error

	// History tells that the topic has positions, and Head where it stands.
	History bool
	Head    Position

	// Missed is what the receiver asked for with Since, nil if nothing. If
	// some of it is gone, its first event is the announcement `truncated`.
	Missed *Batch

	// Slow is what to do when the receiver is slower than the topic.
	Slow Slow
}

// A Batch is a run of events of one topic. Receivers share it, and what they
// make of it: see Memo.
type Batch struct {
	Events []*Event

	mu   sync.Mutex
	memo []memo
}

type memo struct {
	key   any
	value any
}

// Memo returns what build made of the batch when it was first asked for under
// key, so that a rendering is made once per node, not once per receiver. Keys
// are compared with ==; a package uses values of its own type.
func (b *Batch) Memo(key any, build func([]*Event) any) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.memo {
		if m.key == key {
			return m.value
		}
	}
	v := build(b.Events)
	b.memo = append(b.memo, memo{key, v})
	return v
}
