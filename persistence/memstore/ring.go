package memstore

// minSlots is the capacity below which a ring does not shrink.
const minSlots = 8

// A ring is a queue over one slice, which grows and shrinks with its content.
// Slots outside of it are zero, so that what was dropped can be collected.
type ring[T any] struct {
	slots []T
	first uint32
	count uint32
}

func (r *ring[T]) len() int { return int(r.count) }

// at returns the item i places after the oldest.
func (r *ring[T]) at(i int) *T {
	i += int(r.first)
	if i >= len(r.slots) {
		i -= len(r.slots)
	}
	return &r.slots[i]
}

// push appends v. The slice never gets longer than most, which is more than
// there is in the ring.
func (r *ring[T]) push(v T, most int) {
	if int(r.count) == len(r.slots) {
		r.resize(min(max(2*len(r.slots), 1), most))
	}
	r.count++
	*r.at(int(r.count) - 1) = v
}

// pop removes the oldest item and tells whether the slice shrank.
func (r *ring[T]) pop() (v T, shrank bool) {
	var zero T
	slot := r.at(0)
	v, *slot = *slot, zero
	r.count--
	if r.first++; int(r.first) == len(r.slots) {
		r.first = 0
	}
	if len(r.slots) > minSlots && int(r.count) <= len(r.slots)/4 {
		r.resize(len(r.slots) / 2)
		return v, true
	}
	return v, false
}

func (r *ring[T]) resize(size int) {
	slots := make([]T, size)
	end := min(int(r.first)+int(r.count), len(r.slots))
	n := copy(slots, r.slots[r.first:end])
	copy(slots[n:], r.slots[:int(r.count)-n])
	r.slots, r.first = slots, 0
}
