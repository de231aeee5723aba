package actors

import (
	"context"
	"sync"
	"sync/atomic"
)

// Ask tells the actor of key the message that mk makes around a Reply and waits
// for the answer, for as long as ctx lasts: bring a deadline. It returns the
// answer, the error given to Reply.Fail, the error of Tell, or ctx.Err().
//
// The message must be a Refuser that passes the error to Reply.Fail; then a
// panic or a stop of the actor ends Ask at once. Do not call Ask inside an actor,
// which would wait: tell, and let the answer be a message.
func Ask[M, R any](ctx context.Context, k *Keeper[M], key string, mk func(reply Reply[R]) M) (R, error) {
	var zero R
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	s := &slot[R]{wake: k.system.replies.Get().(chan struct{})}
	if err := k.Tell(key, mk(Reply[R]{s})); err != nil {
		s.abandon(&k.system.replies)
		return zero, err
	}
	select {
	case <-s.wake:
		k.system.replies.Put(s.wake)
		return s.value, s.err
	case <-ctx.Done():
		if s.abandon(&k.system.replies) {
			return zero, ctx.Err()
		}
		return s.value, s.err // the answer came at the same moment
	}
}

// A Reply is where the answer to an Ask goes. The first call of Send or Fail
// wins and later ones do nothing; none blocks, and any goroutine may call them.
// The zero Reply ignores both.
type Reply[R any] struct{ s *slot[R] }

// Send answers with v.
func (r Reply[R]) Send(v R) {
	if r.s != nil && r.s.state.CompareAndSwap(waiting, answered) {
		r.s.value = v
		r.s.wake <- struct{}{}
	}
}

// Fail answers with err, which must not be nil.
func (r Reply[R]) Fail(err error) {
	if r.s != nil && r.s.state.CompareAndSwap(waiting, answered) {
		r.s.err = err
		r.s.wake <- struct{}{}
	}
}

// States of a slot.
const (
	waiting   uint32 = iota
	answered         // by one Reply, which alone may touch the slot and then wakes the asker
	abandoned        // nobody waits any more, nobody will wake
)

// A slot is where asker and answerer meet. Its state is left once, so a late
// answer and a timeout can not both win. wake has room for one and is used again.
type slot[R any] struct {
	state atomic.Uint32
	wake  chan struct{}
	value R
	err   error
}

// abandon gives the slot up and reports true, unless it was answered, in which
// case value and err are set when it returns. Either way wake is empty then.
func (s *slot[R]) abandon(spare *sync.Pool) bool {
	gaveUp := s.state.CompareAndSwap(waiting, abandoned)
	if !gaveUp {
		<-s.wake // on its way
	}
	spare.Put(s.wake)
	return gaveUp
}
