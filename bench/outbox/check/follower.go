package check

// A follower looks at what one receiver got.
type follower struct {
	c      *Checker
	who    string
	got    map[string]bool
	topics map[string]*following
}

// following is one topic of a follower.
type following struct {
	seq    uint64
	latest *tx            // of those that had rows, the one that began to commit last
	last   map[string]int // by transaction, the row that came last
}

func (f *follower) see(l Line) {
	if l.Kind != Got {
		f.c.fault("%s: a receiver with a line of kind %q", f.who, l.Kind)
		return
	}
	at := f.topics[l.Topic]
	if at == nil {
		at = &following{last: make(map[string]int)}
		f.topics[l.Topic] = at
	}
	f.number(at, l)
	f.c.verdict.Delivered++
	r := f.c.rows[l.ID]
	switch {
	case r == nil:
		f.fault(l, "nobody wrote it")
		return
	case f.got[l.ID]:
		f.fault(l, "it came before")
		return
	case r.topic != l.Topic:
		f.fault(l, "it was written for "+r.topic)
	case r.void:
		f.fault(l, "its savepoint was rolled back")
	case r.tx.end == RolledBack || r.tx.end == "":
		f.fault(l, "its transaction "+r.tx.name+" was rolled back")
		return
	}
	f.got[l.ID], f.c.seen[l.ID] = true, true
	f.order(at, l, r)
}

func (f *follower) fault(l Line, why string) {
	f.c.fault("%s: %s %d: row %s: %s", f.who, l.Topic, l.Seq, l.ID, why)
}

// number proves that numbers have no holes, and mean the same to all.
func (f *follower) number(at *following, l Line) {
	if l.Seq != at.seq+1 {
		f.c.fault("%s: %s: number %d came after %d", f.who, l.Topic, l.Seq, at.seq)
	}
	at.seq = l.Seq
	places := f.c.places[l.Topic]
	if places == nil {
		places = make(map[uint64]string)
		f.c.places[l.Topic] = places
	}
	if other, known := places[l.Seq]; known && other != l.ID {
		f.fault(l, "others say that this number is "+other)
	}
	places[l.Seq] = l.ID
}

// order proves that no row is behind one whose transaction began to commit when its own had committed.
func (f *follower) order(at *following, l Line, r *row) {
	if at.latest != nil && r.tx.to < at.latest.from {
		f.fault(l, "its transaction "+r.tx.name+" had committed before "+at.latest.name+" began to, whose rows came first")
	}
	if at.latest == nil || r.tx.from > at.latest.from {
		at.latest = r.tx
	}
	if last, known := at.last[r.tx.name]; known && r.n < last {
		f.fault(l, "a later row of its transaction came first")
	}
	at.last[r.tx.name] = r.n
}
