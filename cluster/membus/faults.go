package membus

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Faults are what becomes of frames on their way. The zero value: nothing.
type Faults struct {
	// Seed begins the chances anew. The same calls in the same order then
	// meet the same faults.
	Seed uint64

	// Delay is the least time that a frame takes, Jitter what may be added to it.
	Delay, Jitter time.Duration

	// Reorder lets a frame overtake another that is delayed for longer.
	Reorder bool

	// Duplicate and Drop are chances from 0 to 1, for each frame and receiver. A copy
	// is delayed on its own.
	Duplicate, Drop float64
}

// SetFaults changes what becomes of the frames that are published from now on.
func (b *Bus) SetFaults(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
	b.rand = rand.New(rand.NewPCG(f.Seed, f.Seed))
}

// deliver puts a frame into a node's queue as often and as late as the faults want.
// The caller holds mu.
func (b *Bus) deliver(n *Node, s *subscription, name string, frame []byte) {
	copies := 1
	if b.rand != nil {
		// Each chance is drawn whether or not it matters, so that one fault does not
		// change another.
		drop, twice := b.rand.Float64() < b.faults.Drop, b.rand.Float64() < b.faults.Duplicate
		switch {
		case drop:
			copies = 0
		case twice:
			copies = 2
		}
	}
	now := time.Now()
	for range copies {
		due := now
		if b.rand != nil {
			due = due.Add(b.faults.Delay + time.Duration(b.rand.Float64()*float64(b.faults.Jitter)))
			if !b.faults.Reorder && due.Before(n.latest) {
				due = n.latest
			}
		}
		n.enqueue(item{due: due, sub: s, topic: name, frame: slices.Clone(frame), since: now})
	}
}
