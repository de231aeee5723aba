package outbox

import "math"

// A floor is below all rows that are not out, so that reading can begin there and need not step over what has been removed and
// not been vacuumed. It has no clock and does no I/O.
//
// A number may become visible after greater ones. So the floor rises to a number only when every transaction that could have
// drawn one below it has ended, and the rows were read once more after that.
type floor struct {
	at     int64 // rows at or below it are out
	seen   int64 // of what could be seen, all up to here was dealt with
	goal   int64 // where it will rise to, 0: nowhere
	others map[string]bool
}

// everything is above all numbers.
const everything = math.MaxInt64

// covered tells that all rows above the floor and up to seq that could be seen by a reading were dealt with. Last
// is the greatest number in it.
func (f *floor) covered(seq, last int64) {
	if f.goal > 0 && len(f.others) == 0 && seq >= f.goal {
		f.at, f.goal = f.goal, 0
	}
	f.seen = max(f.seen, min(seq, last))
}

// wants reports whether it matters who draws.
func (f *floor) wants() bool { return f.goal > 0 && len(f.others) > 0 || f.goal == 0 && f.seen > f.at }

// sampled tells which transactions may have drawn a number and not ended. They were looked for after the last reading.
func (f *floor) sampled(drawing []string) {
	if f.goal == 0 {
		f.goal = f.seen
		f.others = make(map[string]bool, len(drawing))
		for _, tx := range drawing {
			f.others[tx] = true
		}
		return
	}
	still := make(map[string]bool)
	for _, tx := range drawing {
		if f.others[tx] {
			still[tx] = true
		}
	}
	f.others = still
}

// reset puts it below everything: there are rows to be read that were passed over.
func (f *floor) reset() { *f = floor{} }
