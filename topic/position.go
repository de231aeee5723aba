package topic

import (
	"strconv"
	"strings"
)

// A Position is a place in a topic's history: the life of the numbering and
// the number within it. Positions of different epochs do not compare.
//
// The zero Position stands before the first event of whatever epoch is current.
type Position struct {
	Epoch string
	Seq   uint64
}

// String writes the position as epoch/seq, the form that the id of a
// server-sent event has.
func (p Position) String() string {
	return p.Epoch + "/" + strconv.FormatUint(p.Seq, 10)
}

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	epoch, digits, ok := strings.Cut(s, "/")
	if !ok {
		return Position{}, &InputError{Field: "position", Rule: "must read epoch/seq"}
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return Position{}, &InputError{Field: "position", Rule: "the part after the slash must be a whole number from 0"}
	}
	return Position{Epoch: epoch, Seq: seq}, nil
}
