package outbox

import "time"

// A rhythm says when an idle leader looks again. While it is awake it looks often, and transactions need not wake it, as
// that costs each of them a lock that all of the server share. Then it wants to be woken, and looks a few
// times more: a transaction that commits at the same time may not have seen that. It has no clock and does no I/O.
type rhythm struct {
	poll   time.Duration
	asleep bool // transactions wake it
	empty  int  // readings in a row that found nothing, since it fell asleep or awoke
	found  int  // readings in a row that found something
}

var (
	awakeFor   = []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond, 16 * time.Millisecond}
	afterSleep = []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}
)

// busyAfter is how many readings in a row have to find something until it is worth being awake.
const busyAfter = 3

// hit tells that a reading found something. Wake: transactions need not wake any more.
func (r *rhythm) hit() (wake bool) {
	r.found++
	if r.found < busyAfter || !r.asleep {
		if !r.asleep {
			r.empty = 0
		}
		return false
	}
	r.asleep, r.empty = false, 0
	return true
}

// miss tells that one did not, and returns how long to wait for a wake-up until the next. Sleep: transactions
// are to wake from now on.
func (r *rhythm) miss() (wait time.Duration, sleep bool) {
	r.found = 0
	r.empty++
	looks := afterSleep
	if !r.asleep {
		looks = awakeFor
	}
	if r.empty <= len(looks) {
		return min(looks[r.empty-1], r.poll), false
	}
	if r.asleep {
		r.empty = len(looks)
		return r.poll, false
	}
	r.asleep, r.empty = true, 1
	return afterSleep[0], true
}
