package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Kind is what a line is about.
type Kind string

// What clients write down. The fields that a kind has are those named after it;
// all others are zero.
const (
	// Connected: a new connection. Nothing is subscribed on it.
	Connected Kind = "connected"
	// Joined (Topic, Epoch, Seq, Since, SinceEpoch): a subscription was accepted,
	// the topic stands at Epoch and Seq. It was asked for what came after Since,
	// or for what comes from now on if SinceEpoch is Live.
	Joined Kind = "joined"
	// Left (Topic): the server ended a subscription.
	Left Kind = "left"
	// Event (Topic, Seq, ID): a message.
	Event Kind = "event"
	// Truncated (Topic, Since, Oldest, Seq, Epoch): what the protocol says.
	Truncated Kind = "truncated"
	// Stale (Topic): loss without numbers.
	Stale Kind = "stale"
	// Degraded, Recovered (Topic is the backend).
	Degraded  Kind = "degraded"
	Recovered Kind = "recovered"

	// Asked (Topic, ID): a publisher began to publish a message.
	Asked Kind = "asked"
	// Acked (Topic, ID, Epoch, Seq, Duplicate): it was acknowledged.
	Acked Kind = "acked"
)

// Values of Line.SinceEpoch that are no epochs.
const (
	Live = "-live"
	Any  = "-any" // any epoch fits
)

// A Line is one thing that a client was sent, or did. Texts are printable ASCII
// without spaces.
type Line struct {
	Kind       Kind
	Topic      string
	Epoch      string
	ID         string
	Seq        uint64
	Since      uint64
	SinceEpoch string
	Oldest     uint64
	Duplicate  bool
}

// ErrLine is wrapped by the error of Parse.
var ErrLine = errors.New("check: not a line of a record")

// Append appends the line and a line break.
func (l Line) Append(b []byte) []byte {
	b = append(b, l.Kind...)
	l.fields(func(text *string, number *uint64, flag *bool) {
		b = append(b, ' ')
		switch {
		case text != nil:
			b = append(b, *text...)
		case number != nil:
			b = strconv.AppendUint(b, *number, 10)
		default:
			b = strconv.AppendBool(b, *flag)
		}
	})
	return append(b, '\n')
}

// Parse reads what Append wrote, without the line break.
func Parse(text string) (Line, error) {
	words := strings.Split(text, " ")
	l := Line{Kind: Kind(words[0])}
	words = words[1:]
	bad := false
	known := l.fields(func(text *string, number *uint64, flag *bool) {
		if len(words) == 0 || words[0] == "" {
			bad = true
			return
		}
		var err error
		switch {
		case text != nil:
			*text = words[0]
		case number != nil:
			*number, err = strconv.ParseUint(words[0], 10, 64)
		default:
			*flag, err = strconv.ParseBool(words[0])
		}
		bad = bad || err != nil
		words = words[1:]
	})
	if bad || !known || len(words) > 0 {
		return Line{}, fmt.Errorf("%w: %.100q", ErrLine, text)
	}
	return l, nil
}

// fields visits the fields that the line's kind has, in the order in which they
// are written. It reports whether there is such a kind.
func (l *Line) fields(visit func(*string, *uint64, *bool)) bool {
	text := func(s *string) { visit(s, nil, nil) }
	number := func(n *uint64) { visit(nil, n, nil) }
	switch l.Kind {
	case Connected:
		return true
	case Left, Stale, Degraded, Recovered:
		text(&l.Topic)
	case Joined:
		text(&l.Topic)
		text(&l.Epoch)
		number(&l.Seq)
		text(&l.SinceEpoch)
		number(&l.Since)
	case Event:
		text(&l.Topic)
		number(&l.Seq)
		text(&l.ID)
	case Truncated:
		text(&l.Topic)
		number(&l.Since)
		number(&l.Oldest)
		number(&l.Seq)
		text(&l.Epoch)
	case Asked:
		text(&l.Topic)
		text(&l.ID)
	case Acked:
		text(&l.Topic)
		text(&l.ID)
		text(&l.Epoch)
		number(&l.Seq)
		visit(nil, nil, &l.Duplicate)
	default:
		return false
	}
	return true
}
