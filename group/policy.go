package group

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
)

// DefaultClosedFor is how long a closed group stays closed.
const DefaultClosedFor = 24 * time.Hour

// Bounds of a Policy and of what a group is told.
const (
	MaxRoles  = 64       // of a group
	MaxRole   = 64       // characters of a role's name
	MaxNotes  = 256      // keys that SetMeta takes at once
	MaxNote   = 64 << 10 // bytes of a value of the metadata
	MaxClosed = 10 * 365 * 24 * time.Hour
)

// By says what makes two joins the same member.
type By uint8

const (
	// ByIdentity: whoever the joiner is. All of a user's connections, on all nodes,
	// are one member. Connections without an identity are a member each.
	ByIdentity By = iota
	// ByConnection: every connection is a member of its own.
	ByConnection
)

var byNames = [...]string{"identity", "connection"}

func (b By) String() string {
	if int(b) < len(byNames) {
		return byNames[b]
	}
	return fmt.Sprintf("By(%d)", uint8(b))
}

// MarshalText writes the name that configuration files use.
func (b By) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads identity or connection.
func (b *By) UnmarshalText(text []byte) error {
	for i, name := range byNames {
		if string(text) == name {
			*b = By(i)
			return nil
		}
	}
	return fmt.Errorf("must be one of identity, connection, not %q", text)
}

// A Policy is how groups whose name matches behave. All nodes of a cluster must
// have the same.
type Policy struct {
	// Match is a pattern: * stands for any run of characters, also none, ? for one
	// character.
	//
	// Defaults to "*".
	Match string

	// MaxMembers is how many members a group has at most, on all nodes together. 0
	// sets no bound.
	MaxMembers int

	// Roles are those that a joiner may ask for. The first one is given to those who
	// ask for none.
	//
	// Defaults to member, admin, viewer.
	Roles []string

	// MemberData names what members see of a member's data, if this is a JSON object.
	// What looks like a secret is never shown; see the package topic/public.
	//
	// Defaults to nil, which shows everything else. Empty but not nil shows nothing.
	MemberData []string

	// Key says what makes two joins the same member.
	Key By

	// ClosedFor is how long a group that was closed can not be joined, unless Reopen
	// ends it. At most MaxClosed.
	//
	// Defaults to a day.
	ClosedFor time.Duration

	// Meta is the metadata that a group begins with.
	Meta map[string]string
}

// WithDefaults returns a copy in which every zero field has its default.
func (p Policy) WithDefaults() Policy {
	if p.Match == "" {
		p.Match = "*"
	}
	if len(p.Roles) == 0 {
		p.Roles = []string{"member", "admin", "viewer"}
	}
	if p.ClosedFor == 0 {
		p.ClosedFor = DefaultClosedFor
	}
	return p
}

// Faults returns everything that is wrong with the policy, as sentences without
// the policy's place in its list.
func (p Policy) Faults() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if _, err := path.Match(strings.ReplaceAll(p.Match, "/", "\x00"), ""); err != nil {
		add("match: %q is not a pattern: %w", p.Match, err)
	}
	if p.MaxMembers < 0 {
		add("maxMembers: %d is negative (0 sets no bound)", p.MaxMembers)
	}
	faults = append(faults, roleFaults(p.Roles)...)
	if slices.Contains(p.MemberData, "") {
		add("memberData: a name must not be empty")
	}
	if int(p.Key) >= len(byNames) {
		add("key: must be one of identity, connection")
	}
	if p.ClosedFor < 0 || p.ClosedFor > MaxClosed {
		add("closedFor: %s is not within 0s to %s", p.ClosedFor, MaxClosed)
	}
	if err := checkMeta(p.Meta); err != nil {
		add("meta: %w", err)
	}
	return faults
}

func roleFaults(roles []string) []error {
	var faults []error
	if len(roles) > MaxRoles {
		faults = append(faults, fmt.Errorf("roles: %d are more than %d", len(roles), MaxRoles))
	}
	for i, role := range roles {
		switch {
		case topic.CheckEvent(role) != nil || utf8.RuneCountInString(role) > MaxRole:
			faults = append(faults, fmt.Errorf(`roles: %q is not 1 to %d printable characters without " and \`, role, MaxRole))
		case slices.Contains(roles[:i], role):
			faults = append(faults, fmt.Errorf("roles: %q is there twice", role))
		}
	}
	return faults
}

// Role is the role that a joiner gets who asks for this one. The error is a
// *RoleError.
func (p Policy) Role(asked string) (string, error) {
	if asked == "" && len(p.Roles) > 0 {
		return p.Roles[0], nil
	}
	if !slices.Contains(p.Roles, asked) {
		return "", &RoleError{Role: asked, Known: slices.Clone(p.Roles)}
	}
	return asked, nil
}

// A PolicyError says which policy of a list has a fault.
type PolicyError struct {
	Index int
	Match string
	Err   error
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("groups[%d] (match %q): %v", e.Index, e.Match, e.Err)
}

func (e *PolicyError) Unwrap() error { return e.Err }

var defaultPolicy = Policy{}.WithDefaults()

// find returns the first policy that matches. Without any policies every name has
// the defaults.
func find(policies []Policy, name string) (*Policy, bool) {
	for i := range policies {
		if topic.Match(policies[i].Match, name) {
			return &policies[i], true
		}
	}
	return &defaultPolicy, len(policies) == 0
}
