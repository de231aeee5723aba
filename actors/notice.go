package actors

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A Subject is a notice that says what it is about. Of the notices about one
// subject only the newest counts; notices about different ones do not hide each
// other. The subject of other notices is their type.
type Subject interface {
	NoticeSubject() string
}

type notice struct {
	epoch   uint64
	subject any
	value   any
}

// A board is an immutable list of the newest notice per subject, oldest first.
type board struct {
	epoch   uint64
	notices []notice
}

// notices is where Announce writes and every actor reads with one atomic load.
type notices struct {
	mu     sync.Mutex // held by announcers
	posted atomic.Pointer[board]
}

func (n *notices) announce(value any) {
	var subject any = reflect.TypeOf(value)
	if s, ok := value.(Subject); ok {
		subject = s.NoticeSubject()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var old board
	if p := n.posted.Load(); p != nil {
		old = *p
	}
	next := &board{epoch: old.epoch + 1}
	next.notices = slices.DeleteFunc(slices.Clone(old.notices), func(o notice) bool { return o.subject == subject })
	next.notices = append(next.notices, notice{next.epoch, subject, value})
	n.posted.Store(next)
}
