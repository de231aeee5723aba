package check

import (
	"fmt"
	"strings"
)

// A Verdict is what the records come to.
type Verdict struct {
	Writers, Receivers  int
	Transactions        int
	Committed           int // transactions
	RolledBack, Unknown int
	Rows                int // written
	CommittedRows       int
	VoidRows            int // in savepoints that were rolled back
	Topics              int
	Delivered           int // to all receivers together

	Faults     []string // the first of them
	FaultCount int
}

// Verdict closes the records and says what they come to.
func (c *Checker) Verdict() Verdict {
	v := &c.verdict
	v.Rows, v.Transactions, v.Topics = len(c.rows), len(c.txs), len(c.places)
	for _, t := range c.txs {
		switch t.end {
		case Committed:
			v.Committed++
		case RolledBack:
			v.RolledBack++
		case Unknown:
			v.Unknown++
			c.whole(t)
		default:
			c.fault("transaction %s has no end", t.name)
		}
	}
	for _, r := range c.rows {
		switch {
		case r.void:
			v.VoidRows++
		case r.tx.end == Committed:
			v.CommittedRows++
		}
	}
	return *v
}

// whole proves that a transaction took effect as a whole, or not at all.
func (c *Checker) whole(t *tx) {
	seen, all := 0, 0
	for _, id := range t.rows {
		if c.rows[id].void {
			continue
		}
		all++
		if c.seen[id] {
			seen++
		}
	}
	if seen > 0 && seen < all {
		c.fault("transaction %s: %d of %d rows arrived", t.name, seen, all)
	}
}

// Passed reports whether there are no faults, and something was checked.
func (v Verdict) Passed() bool {
	return v.FaultCount == 0 && v.Receivers > 0 && v.Delivered > 0 && v.CommittedRows > 0 && v.RolledBack > 0
}

// String is the verdict in a few lines, the faults last.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "written       %d rows by %d writers in %d transactions: %d committed, %d rolled back, %d unknown\n",
		v.Rows, v.Writers, v.Transactions, v.Committed, v.RolledBack, v.Unknown)
	fmt.Fprintf(&b, "committed     %d rows; %d in savepoints that were rolled back\n", v.CommittedRows, v.VoidRows)
	fmt.Fprintf(&b, "delivered     %d to %d receivers in %d topics\n", v.Delivered, v.Receivers, v.Topics)
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "FAULT         %s\n", f)
	}
	if more := v.FaultCount - len(v.Faults); more > 0 {
		fmt.Fprintf(&b, "FAULT         and %d more\n", more)
	}
	if v.Passed() {
		b.WriteString("PASSED        every committed row arrived once, in the order of the commits, and nothing else did\n")
	} else {
		fmt.Fprintf(&b, "FAILED        %d faults\n", v.FaultCount)
	}
	return b.String()
}
