package ratelimit

import "fmt"

// A Kind is how a limit counts.
type Kind uint8

const (
	// Bucket is a token bucket: it holds at most Points and refills evenly, Points in an
	// Interval. In any time t it admits at most Points + Points*t/Interval.
	Bucket Kind = iota
	// Fixed is a window that begins with the first consume and lasts an Interval. Each
	// window admits at most Points; two that touch admit twice as many.
	Fixed
	// Sliding admits at most Points in any stretch of an Interval, wherever it begins. A
	// point comes back an Interval after it was consumed, or up to a sixteenth later.
	Sliding
)

var kindNames = [...]string{"bucket", "fixed", "sliding"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText writes the name that configuration files use.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads bucket, fixed or sliding.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if string(text) == name {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("must be one of bucket, fixed, sliding, not %q", text)
}

// By says whose points a limit counts.
type By uint8

const (
	// ByConnection counts each connection by itself.
	ByConnection By = iota
	// ByAddress counts all connections from one address together.
	ByAddress
	// ByIdentity counts all connections of one user together, and those of clients who
	// have not said who they are by their address.
	ByIdentity
)

var byNames = [...]string{"connection", "address", "identity"}

func (b By) String() string {
	if int(b) < len(byNames) {
		return byNames[b]
	}
	return fmt.Sprintf("By(%d)", uint8(b))
}

// MarshalText writes the name that configuration files use.
func (b By) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads connection, address or identity.
func (b *By) UnmarshalText(text []byte) error {
	for i, name := range byNames {
		if string(text) == name {
			*b = By(i)
			return nil
		}
	}
	return fmt.Errorf("must be one of connection, address, identity, not %q", text)
}
