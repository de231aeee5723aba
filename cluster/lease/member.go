package lease

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what a Member says of itself, in bytes.
const (
	MaxID   = 256
	MaxText = 512 // Address, Version
)

// A Member is one life of a node. A node that lost its lease goes on as another
// Member: the same ID, another Incarnation.
type Member struct {
	ID          string    `json:"-"`
	Incarnation string    `json:"-"` // random; made by the Agent
	Address     string    `json:"address,omitempty"`
	Version     string    `json:"version,omitempty"`
	Started     time.Time `json:"started,omitzero"` // by the node's own clock; for people to read
}

// Validate returns an error that says what of the Member breaks a rule. A
// Registry reports no Member that is not valid.
func (m Member) Validate() error {
	var faults []error
	if !Named(m.ID, m.Incarnation) {
		faults = append(faults, fmt.Errorf("id must be 1 to %d bytes of printable UTF-8, and the incarnation 1 to 64 letters and digits", MaxID))
	}
	for _, text := range []string{m.Address, m.Version} {
		if len(text) > MaxText || !printable(text) {
			faults = append(faults, fmt.Errorf("address and version must be at most %d bytes of printable UTF-8", MaxText))
			break
		}
	}
	return errors.Join(faults...)
}

// Named reports whether a Member may be named so.
func Named(id, incarnation string) bool {
	return id != "" && len(id) <= MaxID && printable(id) &&
		incarnation != "" && len(incarnation) <= 64 && strings.Trim(incarnation, alphanumeric) == ""
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// key names a life.
type key struct{ id, incarnation string }

func (m Member) key() key { return key{m.ID, m.Incarnation} }

// A State is how a Member is doing.
type State string

// States of a Member.
const (
	Alive   State = "alive"   // its lease is renewed as it should be
	Suspect State = "suspect" // it missed a renewal, or its lease has run out and nobody has claimed it yet
	Dead    State = "dead"    // claimed: a survivor cleans up after it
)

// A Lease is a Member and how long it counts as alive.
type Lease struct {
	Member
	Until time.Time // by the backend's clock; of a dead one: when its cleaner's claim runs out
	State State
}

func compareLeases(a, b Lease) int { return compareMembers(a.Member, b.Member) }

func compareMembers(a, b Member) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Incarnation, b.Incarnation))
}

// A Kind says what a Change tells.
type Kind string

// Kinds of Change.
const (
	Joined  Kind = "joined"  // it has a lease
	Left    Kind = "left"    // it gave its lease back
	Died    Kind = "died"    // its lease ran out and was claimed
	Doubled Kind = "doubled" // a living process has this node's own ID
)

// A Change of the membership. Of a Member there is one Joined, then one Left or
// one Died.
type Change struct {
	Kind   Kind
	Member Member
}
