package lease

import (
	"context"
	"errors"
	"time"
)

// MaxTTL bounds a lease. A Registry shortens one that ends later, so that a
// clock that was set back, or a stranger's entry, keeps no dead node alive.
const MaxTTL = time.Minute

// KeepDone is how long a Registry remembers at least whom the others cleaned up after, so
// that a node that was paused for that long finds out that it was one of them.
const KeepDone = 10 * time.Minute

// ErrNotHeld answers Done when the claim is somebody else's, or over.
var ErrNotHeld = errors.New("lease: the claim is not held")

// A Registry keeps the leases of a cluster. It has one clock for all nodes, and each
// call is one atomic step. It is implemented by [MemRegistry] and by
// cluster/redislease and cluster/pglease, and proved by cluster/lease/leasetest. Methods are safe for
// concurrent use and end with their context; after an error it is unknown
// whether the call took effect.
type Registry interface {
	// Renew renews the lease of r.Self, or takes one out, and returns what there
	// is to know.
	Renew(ctx context.Context, r Renewal) (View, error)

	// Leave ends a lease and gives back the claims that its holder has.
	Leave(ctx context.Context, self Member) error

	// Claim makes c.By the only one to clean up after c.Dead until c.For has
	// passed, and returns the claim's fence; 0 if it is not to be had: the lease has not
	// run out, somebody else has the claim, it is done, or c.By has no lease
	// itself. With the first claim c.Dead has lost its lease for good.
	Claim(ctx context.Context, c Claim) (fence uint64, err error)

	// Done ends the cleaning up after dead. It returns ErrNotHeld unless the
	// newest claim is the one with this fence.
	Done(ctx context.Context, dead Member, fence uint64) error
}

// A Renewal asks for TTL more.
type Renewal struct {
	Self Member
	TTL  time.Duration // at most MaxTTL
	Join bool          // take a lease out if there is none

	// Members and Dead are written back after the Registry lost what it knew. Members
	// of whom it knows nothing get a lease of TTL. Dead that it does not know to be dead
	// lose theirs, and may be claimed.
	Members, Dead []Member
}

// A Claim is described at Registry.Claim.
type Claim struct {
	Dead, By Member
	For      time.Duration
}

// A Standing is what a Renewal came to.
type Standing uint8

// Standings of a Renewal.
const (
	Held    Standing = iota // the lease stands
	Absent                  // there is none, and none was to be taken out
	Claimed                 // it was claimed, and can not be had again
)

// A View is all that a Registry knows, by its clock.
type View struct {
	Standing Standing
	Now      time.Time

	// Life are random texts, made when the backend has none: another text in a
	// place means that this part of the backend was emptied. The first place is kept
	// with the leases. "" could not be read.
	Life []string

	Members []Lease // with Until; not those who are dead
	Dead    []Death
	Invalid int // entries that were ignored because they are malformed
}

// A Death is a Member that lost its lease for good.
type Death struct {
	Member
	Until time.Time // of the newest claim
	Done  bool      // cleaned up after
}
