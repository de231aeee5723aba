package actors

import "sync/atomic"

// A Ref is a short way to the actor of one key: it remembers the activation and
// skips the keeper's map. Copies share what they remember. The zero Ref answers
// ErrClosed.
type Ref[M any] struct {
	keeper *Keeper[M]
	key    string
	last   *atomic.Pointer[cell[M]]
}

// Ref returns a Ref to the actor of key, which is spawned when it is first told
// something.
func (k *Keeper[M]) Ref(key string) Ref[M] {
	return Ref[M]{k, key, new(atomic.Pointer[cell[M]])}
}

// Key returns the key of the actor that r refers to.
func (r Ref[M]) Key() string { return r.key }

// Tell does what Keeper.Tell does for the key of r, faster while the actor lives.
func (r Ref[M]) Tell(m M) error {
	if r.keeper == nil {
		return ErrClosed
	}
	for {
		c := r.last.Load()
		if c == nil {
			var err error
			if c, err = r.keeper.findOrSpawn(r.key); err != nil {
				return err
			}
			r.last.Store(c)
		}
		if err := c.post(m); err != errRetired {
			return err
		}
		if r.keeper.closed.Load() {
			return ErrClosed
		}
		r.last.CompareAndSwap(c, nil) // look again
	}
}
