package check

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// maxFaults bounds the faults that are told one by one.
const maxFaults = 40

// A Checker reads the records of all writers, and then those of all receivers. It belongs to one goroutine.
type Checker struct {
	rows    map[string]*row
	txs     map[string]*tx
	places  map[string]map[uint64]string // by topic and number, which all receivers agree on
	seen    map[string]bool              // rows that anybody got
	verdict Verdict
}

type row struct {
	tx    *tx
	topic string
	n     int // within its transaction
	void  bool
}

type tx struct {
	name     string
	rows     []string
	end      Kind // "" has none
	from, to int64
}

// New returns a Checker without records.
func New() *Checker {
	return &Checker{rows: make(map[string]*row), txs: make(map[string]*tx), places: make(map[string]map[uint64]string), seen: make(map[string]bool)}
}

func (c *Checker) fault(format string, args ...any) {
	c.verdict.FaultCount++
	if len(c.verdict.Faults) < maxFaults {
		c.verdict.Faults = append(c.verdict.Faults, fmt.Sprintf(format, args...))
	}
}

// lines reads a record. Faulty lines are faults.
func (c *Checker) lines(who string, r io.Reader, see func(Line)) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		l, err := Parse(lines.Text())
		if err != nil {
			c.fault("%s: %v", who, err)
			continue
		}
		see(l)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("check: read the record of %s: %w", who, err)
	}
	return nil
}

// Writer reads the record of one who wrote.
func (c *Checker) Writer(who string, r io.Reader) error {
	c.verdict.Writers++
	return c.lines(who, r, func(l Line) { c.write(who, l) })
}

func (c *Checker) write(who string, l Line) {
	switch l.Kind {
	case Wrote:
		t := c.txs[l.Tx]
		if t == nil {
			t = &tx{name: l.Tx}
			c.txs[l.Tx] = t
		}
		if c.rows[l.ID] != nil {
			c.fault("%s: row %s was written twice", who, l.ID)
			return
		}
		if t.end != "" {
			c.fault("%s: row %s was written after the end of %s", who, l.ID, l.Tx)
		}
		c.rows[l.ID] = &row{tx: t, topic: l.Topic, n: len(t.rows)}
		t.rows = append(t.rows, l.ID)
	case Void:
		r := c.rows[l.ID]
		if r == nil || r.void || r.tx.end != "" {
			c.fault("%s: row %s can not be void", who, l.ID)
			return
		}
		r.void = true
	case Committed, RolledBack, Unknown:
		c.end(who, l)
	default:
		c.fault("%s: a writer with a line of kind %q", who, l.Kind)
	}
}

func (c *Checker) end(who string, l Line) {
	t := c.txs[l.Tx]
	if t == nil || t.end != "" {
		c.fault("%s: transaction %s ends without having begun, or twice", who, l.Tx)
		return
	}
	t.end, t.from, t.to = l.Kind, l.From, l.To
	if l.Kind == Unknown {
		t.to = math.MaxInt64
	}
	if t.to < t.from {
		c.fault("%s: transaction %s committed before it began to", who, l.Tx)
	}
}

// Receiver reads the record of one who received. It is to be called after all calls of Writer.
func (c *Checker) Receiver(who string, r io.Reader) error {
	c.verdict.Receivers++
	f := &follower{c: c, who: who, got: make(map[string]bool), topics: make(map[string]*following)}
	if err := c.lines(who, r, f.see); err != nil {
		return err
	}
	for id, r := range c.rows {
		if !r.void && r.tx.end == Committed && !f.got[id] {
			c.fault("%s: %s: row %s was committed by %s and did not arrive", who, r.topic, id, r.tx.name)
		}
	}
	return nil
}
