package redisstore

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrForeign is returned by calls on a topic one of whose keys has a type that is not the
	// Store's: another program writes under the same prefix. Clear removes them.
	ErrForeign = errors.New("a key of the topic was written by another program")

	// ErrExhausted is returned by Append when a topic has used up its 2^53-1 numbers.
	// Clear begins anew.
	ErrExhausted = errors.New("the topic has used up its numbers")

	// ErrTooLarge is returned by Append for a batch that no frame could carry: more than
	// 8,192 entries or 18 MiB, and by Rosters.Apply for more than 18 MiB of keys and values.
	// Nothing of it was kept.
	ErrTooLarge = errors.New("batch is too large")

	errAnswer   = errors.New("unexpected answer of Redis")
	errRestless = errors.New("the topic changes faster than it can be read")
)

// A ReplicasError is returned by Append when fewer replicas than wanted have answered in
// time. The events are kept and relayed, but may be lost if Redis fails over now.
type ReplicasError struct {
	Want, Got int
}

func (e *ReplicasError) Error() string {
	return fmt.Sprintf("%d of %d replicas have it", e.Got, e.Want)
}

// explain says what an error of a script means.
func explain(err error) error {
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case redis.HasErrorPrefix(err, "TROUPE"):
		return ErrExhausted
	}
	return err
}
