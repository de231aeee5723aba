package topic

import (
	"errors"
	"slices"
	"sync/atomic"
)

// ErrBehind refuses a message because one before it in its Chain failed.
var ErrBehind = errors.New("topic: a message before it failed")

// A Chain keeps the order of what one publisher posts to one topic when some of it fails: from the first message
// that failed on, all that carry the Chain fail with ErrBehind, until Mend. So nothing is kept or
// delivered ahead of what is posted again. What Post itself refuses breaks nothing: stop posting then. The zero value
// is ready.
type Chain struct{ broken atomic.Bool }

// Mend lets messages pass again. It is to be called when all that were posted have been answered.
func (c *Chain) Mend() { c.broken.Store(false) }

// held answers a publish that must not overtake one that failed, and reports whether it did.
func (m *publish) held() bool {
	if m.chain == nil || !m.chain.broken.Load() {
		return false
	}
	m.answer(Receipt{}, ErrBehind)
	return true
}

// failed breaks the chain of a publish.
func (m *publish) failed(err error) {
	if err != nil && m.chain != nil {
		m.chain.broken.Store(true)
	}
}

// unheld reports whether something is in hand that may be written.
func (a *actor) unheld() bool {
	a.batch = slices.DeleteFunc(a.batch, (*publish).held)
	return len(a.batch) > 0
}
