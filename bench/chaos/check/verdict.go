package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict closes the records and says what they come to.
func (c *Checker) Verdict() Verdict {
	c.verdict.Topics, c.verdict.Epochs = 0, 0
	unread := 0
	for _, name := range slices.Sorted(maps.Keys(c.topics)) {
		t := c.topics[name]
		c.verdict.Topics++
		c.verdict.Epochs += len(t.epochs)
		if t.log == nil {
			unread++
			continue
		}
		c.begins(name, t.log)
		c.strangers(name, t)
	}
	if unread > 0 {
		c.fault("the log of %d topics was not read", unread)
	}
	following := make(map[string]int)
	for _, e := range c.ends {
		following[e.topic]++
		c.arrived(e)
	}
	for name := range c.topics {
		if n := following[name]; n != c.verdict.Subscribers {
			c.fault("%d of %d subscribers followed %s", n, c.verdict.Subscribers, name)
		}
	}
	for _, a := range c.acks {
		c.acknowledged(a)
	}
	return c.verdict
}

// begins proves that the log has forgotten no more than it may, as far as that
// was not announced to its reader.
func (c *Checker) begins(name string, log *history) {
	if log.oldest > 1 && log.oldest-1+c.options.Kept > log.head {
		c.fault("the log of %s begins at %d and ends at %d, it has to keep %d", name, log.oldest, log.head, c.options.Kept)
	}
}

// strangers finds messages that nobody published.
func (c *Checker) strangers(name string, t *topicFacts) {
	for epoch, e := range t.epochs {
		for id, seq := range e.seqs {
			if _, asked := t.asked[id]; !asked {
				c.fault("%s %s/%d is %q, which nobody published", name, epoch, seq, id)
			}
		}
	}
}

// arrived proves that a subscriber was left nowhere else than at the log's end.
func (c *Checker) arrived(e end) {
	if log := c.topic(e.topic).log; log != nil && (e.epoch != log.epoch || e.seq != log.head) {
		c.fault("%s: left at %s/%d of %s, the log is at %s/%d", e.client, e.epoch, e.seq, e.topic, log.epoch, log.head)
	}
}

// acknowledged proves that a publish was kept: in the log, or for as long as its
// epoch lasted.
func (c *Checker) acknowledged(a ack) {
	t := c.topic(a.topic)
	if t.log == nil {
		return
	}
	c.agrees(a, t)
	seq, kept := t.epoch(t.log.epoch).seqs[a.id]
	switch {
	case kept && seq <= t.log.head:
	case a.epoch == t.log.epoch && a.seq < t.log.oldest: // what pushed it out was kept
	case a.epoch == t.log.epoch:
		c.fault("%s: %q was acknowledged as %s/%d of %s, and the log does not have it", a.client, a.id, a.epoch, a.seq, a.topic)
	default:
		c.verdict.LostAfterAck++
		if c.options.Lossless {
			c.fault("%s: %q was acknowledged as %s/%d of %s, and is gone with its epoch, though nothing was lost",
				a.client, a.id, a.epoch, a.seq, a.topic)
		}
	}
}

// agrees proves that a publish was acknowledged at the position at which it was
// delivered. Where the backend forgot what it had acknowledged, it gave numbers
// again before anyone could notice: such an epoch is over, and its positions are
// good for nothing but to be told so.
func (c *Checker) agrees(a ack, t *topicFacts) {
	e := t.epochs[a.epoch]
	if e == nil {
		return
	}
	other, taken := e.ids[a.seq]
	elsewhere, known := e.seqs[a.id]
	switch strict := c.options.Lossless || a.epoch == t.log.epoch; {
	case (!taken || other == a.id) && (!known || elsewhere == a.seq):
	case !strict:
		c.verdict.Reissued++
	case taken && other != a.id:
		c.fault("%s: %s %s/%d is %q, others say %q", a.client, a.topic, a.epoch, a.seq, a.id, other)
	default:
		c.fault("%s: %s %q stands twice in epoch %s, at %d and %d", a.client, a.topic, a.id, a.epoch, elsewhere, a.seq)
	}
}

// Passed reports whether there are no faults, and something was checked.
func (v Verdict) Passed() bool {
	return v.FaultCount == 0 && v.Subscribers > 0 && v.Delivered > 0 && v.Acknowledged > 0
}

// String is the verdict in a few lines, the faults last.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "published     %d messages by %d publishers, %d acknowledged, %d of them after a retry that was recognised\n",
		v.Asked, v.Publishers, v.Acknowledged, v.Duplicates)
	fmt.Fprintf(&b, "delivered     %d to %d subscribers over %d connections\n", v.Delivered, v.Subscribers, v.Connections)
	fmt.Fprintf(&b, "announced     %d times, %d numbers within an epoch; %d epochs of %d topics\n", v.Announced, v.Missed, v.Epochs, v.Topics)
	fmt.Fprintf(&b, "acknowledged and gone with an epoch that was announced to be over: %d\n", v.LostAfterAck)
	fmt.Fprintf(&b, "acknowledged at a number that was given twice, in an epoch that is over: %d\n", v.Reissued)
	fmt.Fprintf(&b, "outages       told to subscribers %d times, their ends %d times\n", v.Degraded, v.Recovered)
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "FAULT         %s\n", f)
	}
	if more := v.FaultCount - len(v.Faults); more > 0 {
		fmt.Fprintf(&b, "FAULT         and %d more\n", more)
	}
	if v.Passed() {
		b.WriteString("PASSED        every record is gap-free and in order, or the loss was announced for exactly what is missing\n")
	} else {
		fmt.Fprintf(&b, "FAILED        %d faults\n", v.FaultCount)
	}
	return b.String()
}
