package actors

import (
	"sync"
	"time"
)

const (
	minSweep = time.Millisecond
	maxSweep = 5 * time.Second

	// sweepShare bounds what sweeping may cost: a pause lasts so many times the
	// sweep before it, as far as that is no longer than maxSweep: a sweep of a
	// busy machine takes long without costing much.
	sweepShare = 50
)

// A sweeper looks for idle actors from time to time. Its timer runs only while
// there are actors that may be retired.
type sweeper struct {
	scan func(now time.Duration) time.Duration // returns the shortest idle time that an actor has; 0: none may go

	pass    sync.Mutex // held while scanning
	mu      sync.Mutex
	began   time.Time // the zero of its clock
	timer   *time.Timer
	period  time.Duration // 0: the timer is not set
	wish    time.Duration // shortest wanted since the scan in hand began; 0: none
	running bool
	closed  bool
}

// want makes sure that actors are looked at often enough for one that is to go
// after idle.
func (s *sweeper) want(idle time.Duration) {
	if idle <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.running {
		s.wish = shorter(s.wish, idle)
		return
	}
	if period := sweepPeriod(idle); s.period == 0 || period < s.period {
		s.set(period)
	}
}

// set arms the timer. The caller holds mu.
func (s *sweeper) set(period time.Duration) {
	s.period = period
	if s.timer == nil {
		s.began = time.Now()
		s.timer = time.AfterFunc(period, s.sweep)
		return
	}
	s.timer.Reset(period)
}

func (s *sweeper) sweep() {
	s.pass.Lock()
	defer s.pass.Unlock()
	s.mu.Lock()
	if s.closed || s.running {
		s.mu.Unlock()
		return
	}
	s.running, s.wish = true, 0
	s.mu.Unlock()

	start := time.Now()
	shortest := s.scan(start.Sub(s.began))
	took := time.Since(start)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	shortest = shorter(shortest, s.wish)
	switch {
	case s.closed:
	case shortest == 0:
		s.period = 0
	default:
		s.set(max(sweepPeriod(shortest), min(sweepShare*took, maxSweep)))
	}
}

// close waits for a scan in hand and stops the timer.
func (s *sweeper) close() {
	s.pass.Lock()
	defer s.pass.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

func sweepPeriod(idle time.Duration) time.Duration {
	return min(max(idle/4, minSweep), maxSweep)
}

// shorter returns the shorter of two times of which 0 means none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// scan looks at every actor once.
func (k *Keeper[M]) scan(now time.Duration) (shortest time.Duration) {
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.RLock()
		for _, c := range sh.cells {
			shortest = shorter(shortest, c.sweep(now))
		}
		sh.mu.RUnlock()
	}
	return shortest
}

// sweep asks c to retire if it has been idle for long enough. It returns how
// long that is, 0 if it may stay for ever.
func (c *cell[M]) sweep(now time.Duration) time.Duration {
	idle := c.idle()
	if c.touched.CompareAndSwap(true, false) {
		c.idleSince = now
		return idle
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != resting || len(c.in) > 0 || c.work > 0 || c.suspended {
		c.idleSince = now
		return idle
	}
	c.in, c.cur = nil, nil // it rests, so cur is ours
	if idle > 0 && now-c.idleSince >= idle {
		c.asked = true
		c.kick()
	}
	return idle
}

// idle returns after what time the actor is to go, 0 for never.
func (c *cell[M]) idle() time.Duration {
	d := time.Duration(c.idleAfter.Load())
	if d == 0 {
		d = c.keeper.kind.IdleAfter
	}
	return max(d, 0)
}
