package pgstore

import (
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

var (
	// ErrClosed is returned by calls of a Store that is closed. They took no effect.
	ErrClosed = errors.New("the store is closed")

	// ErrBusy is returned by Append when too much waits for Postgres already. Nothing of it was kept.
	ErrBusy = errors.New("too much waits for Postgres")

	// ErrTooLarge is returned by Append for a batch of more than 8,192 entries or 64 MiB. Nothing of it
	// was kept.
	ErrTooLarge = errors.New("batch is too large")

	// ErrExhausted is returned by Append when a topic has used up its 2^63-1 numbers. Clear begins anew.
	ErrExhausted = errors.New("the topic has used up its numbers")

	errAnswer = errors.New("unexpected answer of Postgres")
)

// A ValueError is returned for text that Postgres can not keep: with a byte 0, or that is not UTF-8. Nothing
// of the call took effect.
type ValueError struct {
	Field string // "topic", "name" or "data"
	Entry int    // index in the batch
	Rule  string // such as "must be valid UTF-8"
}

// Error is the field and the rule, and nothing of the value.
func (e *ValueError) Error() string {
	if e.Field == "topic" {
		return fmt.Sprintf("%s %s", e.Field, e.Rule)
	}
	return fmt.Sprintf("%s of entry %d %s", e.Field, e.Entry, e.Rule)
}

// explain says what an error of the database means.
func explain(err error) error {
	if pgdb.Code(err) == "22003" { // numeric value out of range
		return fmt.Errorf("%w: %w", ErrExhausted, err)
	}
	return err
}

// again reports whether a statement failed only because of others beside it, and took no effect.
func again(err error) bool {
	code := pgdb.Code(err)
	return code == "40001" || code == "40P01" // serialization, deadlock
}

// errAbsent: a topic is not there yet.
var errAbsent = errors.New("pgstore: topics come and go faster than they can be made")
