package gateway

import (
	"container/list"
	"sync"
	"time"
)

// Sessions can be taken up again for resumeWithin after their end. Of more than
// maxRecent the oldest are forgotten.
const (
	resumeWithin = 2 * time.Minute
	maxRecent    = 10_000
)

// recent remembers the sessions that have ended.
type recent struct {
	mu    sync.Mutex
	byID  map[string]*list.Element
	order *list.List // of past, oldest first
}

type past struct {
	id, identity string
	at           time.Time
}

func newRecent() *recent { return &recent{byID: make(map[string]*list.Element), order: list.New()} }

func (r *recent) add(id, identity string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.byID[id] = r.order.PushBack(past{id, identity, now})
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		p := e.Value.(past)
		if r.order.Len() <= maxRecent && now.Sub(p.at) < resumeWithin {
			return
		}
		r.drop(e)
	}
}

// take removes a session and reports whether the same user may have it.
func (r *recent) take(id, identity string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byID[id]
	if e == nil {
		return false
	}
	p := e.Value.(past)
	if p.identity != identity || time.Since(p.at) >= resumeWithin {
		return false
	}
	r.drop(e)
	return true
}

func (r *recent) drop(e *list.Element) {
	p := r.order.Remove(e).(past)
	if r.byID[p.id] == e {
		delete(r.byID, p.id)
	}
}
