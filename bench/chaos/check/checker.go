package check

import (
	"bufio"
	"fmt"
	"io"
)

// Options are what the cluster was told and what was done to it.
type Options struct {
	// Kept is how many of the newest events each topic's log keeps. A loss
	// within them must not be announced while their epoch lasts.
	Kept uint64

	// Lossless says that the backend lost nothing: then there is one epoch, no
	// announcement, and every acknowledged message is in the log.
	Lossless bool
}

// maxFaults bounds the faults that are told one by one.
const maxFaults = 40

// A Checker reads records one after the other. It belongs to one goroutine.
type Checker struct {
	options Options
	topics  map[string]*topicFacts
	verdict Verdict
	ends    []end // of subscribers, for the verdict
	acks    []ack
}

// A Verdict is what the records come to.
type Verdict struct {
	Publishers, Subscribers int
	Asked                   int // messages
	Acknowledged            int
	Duplicates              int // of them answered as duplicates: kept at an earlier try
	Delivered               int // events at subscribers
	Connections             int // of subscribers
	Announced               int // `truncated` at subscribers
	Missed                  int // numbers that they named, within an epoch
	Epochs                  int // of all topics; as many as topics if nothing was lost
	Topics                  int
	LostAfterAck            int // acknowledged, gone with an epoch whose end was announced
	Reissued                int // acknowledged at a position of an epoch that is over, where subscribers saw another message
	Degraded, Recovered     int // at subscribers

	Faults     []string // the first of them
	FaultCount int
}

// topicFacts is what all clients together say about a topic.
type topicFacts struct {
	epochs map[string]*epochFacts
	asked  map[string]struct{}
	log    *history
}

// epochFacts is which message is where. All clients have to agree.
type epochFacts struct {
	ids  map[uint64]string
	seqs map[string]uint64
}

// A history is what the log had at the end.
type history struct {
	epoch  string
	oldest uint64
	head   uint64
}

type end struct {
	client, topic, epoch string
	seq                  uint64
}

type ack struct {
	client, topic, id, epoch string
	seq                      uint64
}

// New returns a Checker without records.
func New(o Options) *Checker {
	return &Checker{options: o, topics: make(map[string]*topicFacts)}
}

func (c *Checker) fault(format string, args ...any) {
	c.verdict.FaultCount++
	if len(c.verdict.Faults) < maxFaults {
		c.verdict.Faults = append(c.verdict.Faults, fmt.Sprintf(format, args...))
	}
}

func (c *Checker) topic(name string) *topicFacts {
	t := c.topics[name]
	if t == nil {
		t = &topicFacts{epochs: make(map[string]*epochFacts), asked: make(map[string]struct{})}
		c.topics[name] = t
	}
	return t
}

func (t *topicFacts) epoch(name string) *epochFacts {
	e := t.epochs[name]
	if e == nil {
		e = &epochFacts{ids: make(map[uint64]string), seqs: make(map[string]uint64)}
		t.epochs[name] = e
	}
	return e
}

// place files that a message stands at a position, for all to agree with.
func (c *Checker) place(client, topic, epoch string, seq uint64, id string) {
	e := c.topic(topic).epoch(epoch)
	switch other, known := e.ids[seq]; {
	case known && other != id:
		c.fault("%s: %s %s/%d is %q, others say %q", client, topic, epoch, seq, id, other)
		return
	case known:
		return
	}
	if other, known := e.seqs[id]; known {
		c.fault("%s: %s %q stands twice in epoch %s, at %d and %d", client, topic, id, epoch, other, seq)
		return
	}
	e.ids[seq], e.seqs[id] = id, seq
}

// lines reads a record. Faulty lines are faults.
func (c *Checker) lines(client string, r io.Reader, see func(Line)) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		l, err := Parse(lines.Text())
		if err != nil {
			c.fault("%s: %v", client, err)
			continue
		}
		see(l)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("check: read the record of %s: %w", client, err)
	}
	return nil
}

// Publisher reads the record of a client that published.
func (c *Checker) Publisher(client string, r io.Reader) error {
	c.verdict.Publishers++
	return c.lines(client, r, func(l Line) {
		switch l.Kind {
		case Asked:
			c.verdict.Asked++
			c.topic(l.Topic).asked[l.ID] = struct{}{}
		case Acked:
			c.verdict.Acknowledged++
			if l.Duplicate {
				c.verdict.Duplicates++
			}
			c.acks = append(c.acks, ack{client, l.Topic, l.ID, l.Epoch, l.Seq})
		default:
			c.fault("%s: a publisher with a line of kind %q", client, l.Kind)
		}
	})
}

// Subscriber reads the record of a client that subscribed.
func (c *Checker) Subscriber(client string, r io.Reader) error {
	c.verdict.Subscribers++
	f := follower{checker: c, client: client, topics: make(map[string]*following)}
	err := c.lines(client, r, func(l Line) {
		switch l.Kind {
		case Connected:
			c.verdict.Connections++
		case Event:
			c.verdict.Delivered++
		case Truncated:
			c.verdict.Announced++
		case Degraded:
			c.verdict.Degraded++
		case Recovered:
			c.verdict.Recovered++
		}
		f.see(l)
	})
	for topic, at := range f.topics {
		c.ends = append(c.ends, end{client, topic, at.epoch, at.seq})
	}
	return err
}

// History reads the record of a client that was given all that the log has, at
// the end and from the beginning. Several, from different nodes, must agree.
func (c *Checker) History(client string, r io.Reader) error {
	f := follower{checker: c, client: client, topics: make(map[string]*following), reading: true}
	err := c.lines(client, r, f.see)
	for topic, at := range f.topics {
		if at.seq < at.head {
			c.fault("%s: was given %s up to %s, the log said %d", client, topic, at.text(), at.head)
		}
		h := &history{epoch: at.epoch, oldest: at.first, head: at.seq}
		t := c.topic(topic)
		if t.log != nil && *t.log != *h {
			c.fault("%s: the log of %s is %v, another node says %v", client, topic, *h, *t.log)
		}
		t.log = h
	}
	return err
}
