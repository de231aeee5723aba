package topic

import (
	"encoding/json"
	"strconv"
	"time"
	"unsafe"
)

// Names of the events by which a topic speaks about itself.
const (
	EventTruncated = "truncated" // some of the history asked for is gone
	EventStale     = "stale"     // live events may have been missed
)

// An Event is one message of a topic, encoded once and immutable. Its JSON is
// what every receiver on the node is sent.
type Event struct {
	wire  []byte // {"topic":T,"event":E,"data":D,"seq":N}
	seq   uint64
	epoch string
	at    int64 // when the Log took it, Unix nanoseconds
	name  span
	data  span
	topic span
	loss  *Loss
	local bool // for receivers of this node only
}

type span struct{ from, to uint32 }

// A Loss says what a receiver did not get.
type Loss struct {
	// Since is the last number the receiver had, Oldest the first it can have,
	// Head where the topic stands. Zero for a topic without history.
	Since, Oldest uint64
	Head          Position

	// Stale is set where the topic has no history: events from At on may have
	// been missed.
	Stale bool
	At    time.Time
}

// Topic is the name of the topic.
func (e *Event) Topic() string { return e.text(e.topic) }

// Name is the event's name within the topic.
func (e *Event) Name() string { return e.text(e.name) }

// Seq is the event's number, 0 in a topic without history.
func (e *Event) Seq() uint64 { return e.seq }

// Position is the event's place in the topic's history, zero in a topic without.
func (e *Event) Position() Position { return Position{e.epoch, e.seq} }

// Data is the event's data. Do not change it.
func (e *Event) Data() json.RawMessage { return e.wire[e.data.from:e.data.to:e.data.to] }

// JSON is the whole event as the protocol writes it. Do not change it.
func (e *Event) JSON() []byte { return e.wire }

// Loss is not nil if this is an announcement that events were missed, in their
// place.
func (e *Event) Loss() *Loss { return e.loss }

// text shares the memory of wire, which never changes.
func (e *Event) text(s span) string {
	return unsafe.String(&e.wire[s.from], int(s.to-s.from))
}

// seqRoom is what `,"seq":` and the longest number and a brace need.
const seqRoom = len(`,"seq":18446744073709551615}`)

// draft encodes everything but the number, which is not known yet. Name, event
// and data have been checked.
func draft(topic, name string, data []byte) *Event {
	const a, b, c = `{"topic":"`, `","event":"`, `","data":`
	if len(data) == 0 {
		data = []byte("null")
	}
	w := make([]byte, 0, len(a)+len(topic)+len(b)+len(name)+len(c)+len(data)+seqRoom)
	e := &Event{}
	w, e.topic = field(append(w, a...), topic)
	w, e.name = field(append(w, b...), name)
	w, e.data = field(append(w, c...), data)
	e.wire = w
	return e
}

func field[T string | []byte](w []byte, v T) ([]byte, span) {
	from := len(w)
	w = append(w, v...)
	return w, span{uint32(from), uint32(len(w))}
}

// seal finishes a draft. Nobody but the caller has it yet. Seq 0 leaves the
// number out.
func (e *Event) seal(p Position, at time.Time) *Event {
	e.epoch, e.seq, e.at = p.Epoch, p.Seq, at.UnixNano()
	if p.Seq > 0 {
		e.wire = strconv.AppendUint(append(e.wire, `,"seq":`...), p.Seq, 10)
	}
	e.wire = append(e.wire, '}')
	return e
}

// fromRecord encodes what a Log returned.
func fromRecord(topic, epoch string, r Record) *Event {
	return draft(topic, r.Name, r.Data).seal(Position{epoch, r.Seq}, r.At)
}

// announceTruncated tells a receiver that had everything up to since what is
// left to it.
func announceTruncated(topic string, since, oldest uint64, head Position) *Event {
	data, _ := json.Marshal(struct {
		Since  uint64 `json:"since"`
		Oldest uint64 `json:"oldest"`
		Seq    uint64 `json:"seq"`
		Epoch  string `json:"epoch"`
	}{since, oldest, head.Seq, head.Epoch})
	e := draft(topic, EventTruncated, data).seal(Position{}, time.Time{})
	e.loss = &Loss{Since: since, Oldest: oldest, Head: head}
	return e
}

// Stale makes the announcement that live events of a topic may have been missed
// since a moment. An Outlet that dropped events uses it too.
func Stale(topic string, since time.Time) *Event {
	data := strconv.AppendInt([]byte(`{"since":`), since.UnixMilli(), 10)
	e := draft(topic, EventStale, append(data, '}')).seal(Position{}, time.Time{})
	e.loss = &Loss{Stale: true, At: since}
	return e
}
