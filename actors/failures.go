package actors

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// failures is an actor's record of panics and decides what follows one. The
// zero value is ready. It is pure but for the jitter.
type failures struct {
	times []time.Time // within the window, oldest first; bounded by the limit
	delay *backoff.ExponentialBackOff
}

// patience is the part of a Kind that says how panics are borne.
type patience struct {
	minBackoff, maxBackoff, window time.Duration
	limit                          int
	jitter                         float64
}

// add records a panic at now. It returns how long to wait before the restart, or
// false when it was one too many.
func (f *failures) add(now time.Time, p patience) (time.Duration, bool) {
	f.times = slices.DeleteFunc(f.times, func(t time.Time) bool { return now.Sub(t) >= p.window })
	if len(f.times) == 0 {
		f.delay = &backoff.ExponentialBackOff{
			InitialInterval: p.minBackoff, MaxInterval: p.maxBackoff,
			Multiplier: 2, RandomizationFactor: p.jitter,
		}
		f.delay.Reset()
	}
	f.times = append(f.times, now)
	if len(f.times) >= p.limit {
		return 0, false
	}
	return min(f.delay.NextBackOff(), p.maxBackoff), true
}
