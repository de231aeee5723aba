package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Kind is what a line is about.
type Kind string

// What is written down. The fields that a kind has are those named after it; all others are zero.
const (
	// Wrote (Tx, Topic, ID): a transaction wrote a row. IDs are of one row.
	Wrote Kind = "wrote"
	// Void (ID): the row's savepoint was rolled back.
	Void Kind = "void"
	// Committed (Tx, From, To): and so all its rows.
	Committed Kind = "committed"
	// RolledBack (Tx).
	RolledBack Kind = "rolledback"
	// Unknown (Tx, From): it was to commit, and the answer did not come.
	Unknown Kind = "unknown"

	// Got (Topic, Seq, ID): a receiver got a row.
	Got Kind = "got"
)

// A Line is one thing that a writer did or a receiver got. Texts are printable ASCII without spaces.
type Line struct {
	Kind     Kind
	Tx       string
	Topic    string
	ID       string
	Seq      uint64
	From, To int64
}

// ErrLine is wrapped by the error of Parse.
var ErrLine = errors.New("check: not a line of a record")

// Append appends the line and a line break.
func (l Line) Append(b []byte) []byte {
	b = append(b, l.Kind...)
	for _, f := range l.fields() {
		b = append(b, ' ')
		switch f := f.(type) {
		case *string:
			b = append(b, *f...)
		case *uint64:
			b = strconv.AppendUint(b, *f, 10)
		case *int64:
			b = strconv.AppendInt(b, *f, 10)
		}
	}
	return append(b, '\n')
}

// Parse reads what Append wrote, without the line break.
func Parse(text string) (Line, error) {
	words := strings.Split(text, " ")
	l := Line{Kind: Kind(words[0])}
	fields := l.fields()
	if len(fields) == 0 || len(fields) != len(words)-1 {
		return Line{}, fmt.Errorf("%w: %.100q", ErrLine, text)
	}
	for i, f := range fields {
		var err error
		switch f := f.(type) {
		case *string:
			if *f = words[i+1]; *f == "" {
				err = ErrLine
			}
		case *uint64:
			*f, err = strconv.ParseUint(words[i+1], 10, 64)
		case *int64:
			*f, err = strconv.ParseInt(words[i+1], 10, 64)
		}
		if err != nil {
			return Line{}, fmt.Errorf("%w: %.100q", ErrLine, text)
		}
	}
	return l, nil
}

// fields are those that the line's kind has, in the order in which they are written.
func (l *Line) fields() []any {
	switch l.Kind {
	case Wrote:
		return []any{&l.Tx, &l.Topic, &l.ID}
	case Void:
		return []any{&l.ID}
	case Committed:
		return []any{&l.Tx, &l.From, &l.To}
	case RolledBack:
		return []any{&l.Tx}
	case Unknown:
		return []any{&l.Tx, &l.From}
	case Got:
		return []any{&l.Topic, &l.Seq, &l.ID}
	}
	return nil
}
