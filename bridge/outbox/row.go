package outbox

import (
	"errors"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// A row is a row of the outbox.
type row struct {
	seq   int64 // its transaction's place
	tx    int64
	id    int64
	topic string
	event string
	data  []byte
	key   *string
	tries int
}

// A verdict is what becomes of a row.
type verdict uint8

const (
	stays  verdict = iota // for another try
	out                   // its topic has it
	failed                // for another try, and one of MaxTries is used up
	dead                  // it can not be published
)

// A settled row is one whose verdict is to be written down.
type settled struct {
	row
	verdict verdict
	reason  string
}

// A blame is whose fault an error is.
type blame uint8

const (
	ofRow     blame = iota // it can never be published
	ofTry                  // of this row or its topic; another try may do
	ofBackend              // what is behind the topic is away or full: nobody's
	ofEnd                  // the topics are closed: this node stops
)

func blameFor(err error) blame {
	var input *topic.InputError
	var panicked *actors.PanicError
	switch {
	case errors.As(err, &input):
		return ofRow
	case errors.Is(err, topic.ErrClosed):
		return ofEnd
	case errors.As(err, &panicked):
		return ofTry
	case errors.Is(err, topic.ErrUnavailable), errors.Is(err, topic.ErrOverloaded):
		return ofBackend
	}
	return ofTry
}

// An outcome is how a topic answered for the rows that it was given, in order. Rows beyond the answers were not posted.
type outcome struct {
	topic   string
	rows    []row
	answers []error
}

// A desk decides what becomes of rows, and which topics have to wait. It has no clock and does no I/O.
type desk struct {
	maxTries            int
	backoff, maxBackoff time.Duration
	jitter              func(time.Duration) time.Duration
	topics              map[string]*trouble
}

// trouble is a topic that did not take what it was given, or has not answered.
type trouble struct {
	wait  time.Duration // the present one
	until time.Time     // it is not tried before
	busy  bool          // it has not answered
	limit int           // of rows that are posted at a time
}

func newDesk(c Config, jitter func(time.Duration) time.Duration) *desk {
	return &desk{maxTries: c.MaxTries, backoff: c.Backoff, maxBackoff: c.MaxBackoff, jitter: jitter, topics: make(map[string]*trouble)}
}

// judge settles what a topic has answered. Leftover tells that rows stay which are to be tried at once. End tells that
// the topics are closed.
func (d *desk) judge(o outcome, now time.Time) (all []settled, leftover, end bool) {
	first := -1
	for i, err := range o.answers {
		if err == nil {
			all = append(all, settled{row: o.rows[i], verdict: out})
		} else if first < 0 {
			first = i
		}
	}
	if first < 0 {
		leftover = d.succeeded(o)
		return all, leftover, false
	}
	r, err := o.rows[first], o.answers[first]
	switch blameFor(err) {
	case ofRow:
		d.free(o.topic)
		return append(all, settled{r, dead, err.Error()}), true, false
	case ofEnd:
		return all, false, true
	case ofBackend:
		d.hold(o.topic, now)
		return all, false, false
	}
	d.hold(o.topic, now)
	if r.tries+1 >= d.maxTries {
		d.free(o.topic)
		return append(all, settled{r, dead, err.Error()}), true, false
	}
	return append(all, settled{r, failed, err.Error()}), false, false
}

// succeeded lets a topic that was in trouble be given more at a time, until it is as others.
func (d *desk) succeeded(o outcome) (leftover bool) {
	t := d.topics[o.topic]
	if t == nil {
		return false
	}
	leftover = len(o.answers) < len(o.rows)
	t.busy, t.wait, t.until = false, 0, time.Time{}
	if t.limit == 0 || t.limit >= 64 {
		delete(d.topics, o.topic)
	} else {
		t.limit *= 2
	}
	return leftover
}

// free lets a topic go on behind a row that is dead. It stays careful.
func (d *desk) free(topic string) {
	d.topics[topic] = &trouble{limit: 1}
}

// hold has a topic wait.
func (d *desk) hold(topic string, now time.Time) {
	t := d.topics[topic]
	if t == nil {
		t = &trouble{}
		d.topics[topic] = t
	}
	t.wait = min(max(2*t.wait, d.backoff), d.maxBackoff)
	t.busy, t.limit, t.until = false, 1, now.Add(d.jitter(t.wait))
}

// keep marks a topic that has not answered.
func (d *desk) keep(topic string) {
	t := d.topics[topic]
	if t == nil {
		t = &trouble{}
		d.topics[topic] = t
	}
	t.busy = true
}

// limit is how many rows of a topic may be posted at a time.
func (d *desk) limit(topic string, n int) int {
	if t := d.topics[topic]; t != nil && t.limit > 0 {
		return min(t.limit, n)
	}
	return n
}

// waiting returns the topics that are not to be given anything. Freed tells that there are some that may be
// again since they were last asked for. Next is when that will be so for another, zero: nobody knows.
func (d *desk) waiting(now time.Time) (names []string, freed bool, next time.Time) {
	for name, t := range d.topics {
		switch {
		case t.busy:
			names = append(names, name)
		case now.Before(t.until):
			names = append(names, name)
			if next.IsZero() || t.until.Before(next) {
				next = t.until
			}
		case !t.until.IsZero():
			t.until, freed = time.Time{}, true
		}
	}
	return names, freed, next
}
