package actors

import "time"

// Sweep lets k's sweeper look at all actors now, as if so much time had passed.
func Sweep[M any](k *Keeper[M], now time.Duration) {
	k.sweeper.pass.Lock()
	defer k.sweeper.pass.Unlock()
	k.scan(now)
}

// SweepArmed reports whether k's sweeper has a timer set.
func SweepArmed[M any](k *Keeper[M]) bool {
	k.sweeper.mu.Lock()
	defer k.sweeper.mu.Unlock()
	return k.sweeper.period != 0
}
