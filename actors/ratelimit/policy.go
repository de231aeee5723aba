package ratelimit

import (
	"fmt"
	"time"
)

// Bounds of a Policy.
const (
	MaxPoints   = 1_000_000_000
	MinInterval = time.Millisecond
	MaxInterval = 31 * 24 * time.Hour
	// MaxBlock also bounds a ban.
	MaxBlock = 10 * 365 * 24 * time.Hour
)

// DefaultBan is how long a ban lasts where nobody says, and the policy does not block.
const DefaultBan = time.Minute

const (
	maxName = 64
	maxKey  = 512
	// minLeased is the shortest Interval of a limit with a Lease, of which a share lives a
	// sixteenth: a shorter one would be over before it arrives.
	minLeased = 100 * time.Millisecond
)

// A Policy is one limit. Name, Points and Interval are required.
type Policy struct {
	// Name is what the limit is called by: 1 to 64 letters, digits, dots, dashes,
	// underscores and colons. It is a label of metrics.
	Name string

	// Kind is how it counts.
	//
	// Defaults to Bucket.
	Kind Kind

	// Points is how many a key may consume in an Interval: 1 to MaxPoints.
	Points int

	// Interval is a whole number of microseconds, from MinInterval to MaxInterval.
	Interval time.Duration

	// Block is how long a key is refused everything after a consume that it had not
	// enough points for.
	//
	// Defaults to 0: it may consume again as soon as it has points.
	Block time.Duration

	// By says which key a client consumes from; see Key.
	//
	// Defaults to ByConnection.
	By By

	// Lease is how many points a node may take ahead of a key that is used much, to serve
	// them without asking the Store. What it does not use within a sixteenth of the
	// Interval, or one second, is lost. At most half of Points.
	//
	// Defaults to 0: every consume that may be allowed asks the Store.
	Lease int
}

// WithDefaults returns a copy in which every zero field has its default. All of them
// are zero: it is for callers that treat policies of all kinds alike.
func (p Policy) WithDefaults() Policy { return p }

// Faults returns everything that is wrong with the policy, as sentences that begin
// with the field.
func (p Policy) Faults() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !validName(p.Name) {
		add("name: %q is not 1 to %d letters, digits and . _ - :", p.Name, maxName)
	}
	if int(p.Kind) >= len(kindNames) {
		add("kind: must be one of bucket, fixed, sliding")
	}
	if p.Points < 1 || p.Points > MaxPoints {
		add("points: %d is not within 1 to %d", p.Points, MaxPoints)
	}
	if p.Interval < MinInterval || p.Interval > MaxInterval {
		add("interval: %s is not within %s to %s", p.Interval, MinInterval, MaxInterval)
	} else if p.Interval%time.Microsecond != 0 {
		add("interval: %s is not a whole number of microseconds", p.Interval)
	}
	if p.Block < 0 || p.Block > MaxBlock {
		add("block: %s is not within 0 to %s", p.Block, MaxBlock)
	}
	if int(p.By) >= len(byNames) {
		add("key: must be one of connection, address, identity")
	}
	if p.Lease < 0 || p.Lease > p.Points/2 {
		add("lease: %d is not within 0 and half of the points", p.Lease)
	} else if p.Lease > 0 && p.Interval < minLeased {
		add("lease: needs an interval of at least %s", minLeased)
	}
	if len(faults) == 0 && !p.Terms().exact() {
		add("points: %d in %s can not be counted exactly; choose numbers that divide each other", p.Points, p.Interval)
	}
	return faults
}

func validName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '-', c == ':':
		default:
			return false
		}
	}
	return len(name) >= 1 && len(name) <= maxName
}

// ban is how long a ban lasts.
func (p Policy) ban(d time.Duration) time.Duration {
	switch {
	case d > 0:
		return d
	case p.Block > 0:
		return p.Block
	}
	return DefaultBan
}

// A PolicyError says which policy of a list has a fault.
type PolicyError struct {
	Index int
	Name  string
	Err   error
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("limits[%d] (name %q): %v", e.Index, e.Name, e.Err)
}

func (e *PolicyError) Unwrap() error { return e.Err }
