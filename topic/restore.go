package topic

import (
	"bytes"
	"sync"
	"time"
)

// maxRestoring bounds how many topics compare their head with the Log at once
// after the Relay was interrupted: a node may follow a hundred thousand.
const maxRestoring = 256

// sink is what the Relay sees of Topics. Its methods run on the Relay's
// goroutines.
type sink Topics

func (s *sink) Received(name string, b []byte) {
	t := (*Topics)(s)
	if bytes.HasPrefix(b, t.ownHead) {
		t.metrics.echoes.Inc()
		return
	}
	f, err := decodeFrame(b)
	if err != nil {
		t.metrics.invalid.Inc()
		return
	}
	if _, err = t.keeper.TellExisting(name, &relayed{frame: f}); err != nil {
		// The mailbox is full. If no other frame comes to show that this one is
		// missing, this does.
		t.restores.later(name, time.Now())
	}
}

func (s *sink) Restored(name string, since time.Time) {
	(*Topics)(s).restores.add(name, since)
}

// Recheck has every topic with history that has receivers compare what it knows
// with the Log. It is for whoever learns that the Log may have lost something:
// a backend that was emptied says nothing by itself. It returns at once.
func (t *Topics) Recheck() {
	now := time.Now()
	for _, name := range t.keeper.Keys() {
		if t.policies.find(name).HasHistory() {
			t.restores.add(name, now)
		}
	}
}

// restores hands out the right to look into the Log for what the Relay lost.
type restores struct {
	tell func(name string, m *restored) (there bool, err error)

	mu      sync.Mutex
	waiting map[string]time.Time // since when frames may be lost
	order   []string             // of waiting
	free    int
}

func (r *restores) init(tell func(string, *restored) (bool, error)) {
	r.tell, r.free, r.waiting = tell, maxRestoring, make(map[string]time.Time)
}

// add files an interruption; of several the earliest counts.
func (r *restores) add(name string, since time.Time) {
	r.mu.Lock()
	if before, ok := r.waiting[name]; !ok {
		r.order = append(r.order, name)
		r.waiting[name] = since
	} else if since.Before(before) {
		r.waiting[name] = since
	}
	r.mu.Unlock()
	r.pump()
}

// later is add for a topic that can not take a message right now.
func (r *restores) later(name string, since time.Time) {
	time.AfterFunc(holeWait, func() { r.add(name, since) })
}

// pump tells as many topics as may look at once.
func (r *restores) pump() {
	for {
		r.mu.Lock()
		if r.free == 0 || len(r.order) == 0 {
			r.mu.Unlock()
			return
		}
		name := r.order[0]
		r.order = r.order[1:]
		since := r.waiting[name]
		delete(r.waiting, name)
		r.free--
		r.mu.Unlock()

		m := &restored{since: since}
		m.release = sync.OnceFunc(func() { r.release() })
		there, err := r.tell(name, m)
		if err != nil && refusal(err) == ErrOverloaded {
			r.later(name, since)
		}
		if err != nil || !there {
			m.release()
		}
	}
}

func (r *restores) release() {
	r.mu.Lock()
	r.free++
	more := len(r.order) > 0
	r.mu.Unlock()
	if more {
		r.pump()
	}
}
