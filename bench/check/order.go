package check

// Faults counts what went wrong. All zero is the only good result.
type Faults struct {
	Lost       int `json:"lost"`       // never arrived
	Duplicated int `json:"duplicated"` // arrived again
	Reordered  int `json:"reordered"`  // arrived after a later one
}

// Total is the sum of all faults.
func (f Faults) Total() int { return f.Lost + f.Duplicated + f.Reordered }

// Order follows what each of many receivers gets from each publisher. It keeps
// one number per pair while all is well.
type Order struct {
	publishers int
	last       []uint32
	missing    map[pair]map[uint32]struct{}
	faults     Faults
}

type pair struct{ receiver, publisher int }

// NewOrder expects number 1 first for every receiver and publisher.
func NewOrder(receivers, publishers int) *Order {
	return &Order{publishers: publishers, last: make([]uint32, receivers*publishers)}
}

// StartAfter says that the receiver already has everything up to number.
func (o *Order) StartAfter(receiver, publisher int, number uint32) {
	o.last[receiver*o.publishers+publisher] = number
}

// Last is the highest number the receiver has from the publisher.
func (o *Order) Last(receiver, publisher int) uint32 {
	return o.last[receiver*o.publishers+publisher]
}

// See files the next message of a receiver. A publisher that the Order was not
// made for is a duplicate of nothing that was sent, and counts as one.
func (o *Order) See(receiver int, m Mark) {
	if int(m.Publisher) >= o.publishers {
		o.faults.Duplicated++
		return
	}
	at := &o.last[receiver*o.publishers+int(m.Publisher)]
	if m.Number == *at+1 {
		*at = m.Number
		return
	}
	o.seeUnexpected(pair{receiver, int(m.Publisher)}, at, m.Number)
}

func (o *Order) seeUnexpected(who pair, at *uint32, number uint32) {
	if number > *at {
		o.miss(who, *at+1, number)
		*at = number
		return
	}
	if _, late := o.missing[who][number]; late {
		delete(o.missing[who], number)
		o.faults.Lost--
		o.faults.Reordered++
		return
	}
	o.faults.Duplicated++
}

// miss files the numbers from up to, but not including, to.
func (o *Order) miss(who pair, from, to uint32) {
	o.faults.Lost += int(to - from)
	if o.missing == nil {
		o.missing = make(map[pair]map[uint32]struct{})
	}
	if o.missing[who] == nil {
		o.missing[who] = make(map[uint32]struct{})
	}
	const remembered = 1 << 16 // what a hostile number could make us store
	for n := from; n < to && len(o.missing[who]) < remembered; n++ {
		o.missing[who][n] = struct{}{}
	}
}

// End says that the publisher has sent the receiver all numbers up to number:
// what did not arrive by now is lost.
func (o *Order) End(receiver, publisher int, number uint32) {
	if last := o.Last(receiver, publisher); last < number {
		o.faults.Lost += int(number - last)
	}
}

// Faults is what has been counted so far.
func (o *Order) Faults() Faults { return o.faults }
