package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic"
)

// Figures of errands: the pause before an actor that had no room is told again, and
// for how long when the gateway closes.
const (
	errandPause = 20 * time.Millisecond
	errandLimit = 5 * time.Second
)

// errands are what could not be told to an actor, because it had no room, and must be
// told all the same: that somebody has gone is said by nobody else. There are some only
// after very many clients came or went at once.
type errands struct {
	closing <-chan struct{}

	mu      sync.Mutex
	list    []func() (done bool)
	running bool
	wg      sync.WaitGroup
}

// add has something tried until it is done.
func (e *errands) add(try func() (done bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, try)
	if !e.running {
		e.running = true
		e.wg.Go(e.run)
	}
}

// run ends with the last errand, or soon after the gateway.
func (e *errands) run() {
	tick := time.NewTicker(errandPause)
	defer tick.Stop()
	var limit <-chan time.Time
	closing := e.closing
	for e.again() {
		select {
		case <-tick.C:
		case <-closing:
			closing, limit = nil, time.After(errandLimit)
		case <-limit:
			return
		}
	}
}

// again tries everything once, and reports whether something is left.
func (e *errands) again() bool {
	e.mu.Lock()
	list := e.list
	e.list = nil
	e.mu.Unlock()
	left := list[:0]
	for _, try := range list {
		if !try() {
			left = append(left, try)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(left, e.list...)
	e.running = len(e.list) > 0
	return e.running
}

// surely has an actor told that somebody has gone.
func (g *Gateway) surely(what string, tell func() error) {
	try := func() bool {
		err := tell()
		if isFull(err) {
			return false
		}
		if err != nil && !isStopped(err) { // who is stopped has nobody to take out
			g.log.Warn("could not leave", "kind", what, "err", err)
		}
		return true
	}
	if !try() {
		g.errands.add(try)
	}
}

// isFull reports whether an actor had no room.
func isFull(err error) bool {
	return errors.Is(err, actors.ErrFull) || errors.Is(err, cursor.ErrOverloaded) || errors.Is(err, group.ErrOverloaded)
}

// isStopped reports whether there is nobody to tell, because the node stops.
func isStopped(err error) bool {
	return errors.Is(err, actors.ErrClosed) || errors.Is(err, topic.ErrClosed) || errors.Is(err, group.ErrStopped)
}
