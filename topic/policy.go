package topic

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Defaults of a Policy. Cluster and the command line show them to people, so
// they stand in one place.
const (
	DefaultHistory = 1000
	DefaultDedup   = 2 * time.Minute
	DefaultIdle    = 30 * time.Second
)

// Slow says what happens to a receiver that takes less than its topic gives.
type Slow uint8

const (
	// SlowDisconnect closes the connection with 1013. The client comes back
	// and resumes from its last position.
	SlowDisconnect Slow = iota
	// SlowDropOldest drops the oldest queued events of the topic and says so
	// with `stale` once the receiver takes events again.
	SlowDropOldest
	// SlowConflate keeps the newest queued event per topic and event name.
	SlowConflate
)

var slowNames = [...]string{"disconnect", "drop-oldest", "conflate"}

func (s Slow) String() string {
	if int(s) < len(slowNames) {
		return slowNames[s]
	}
	return fmt.Sprintf("Slow(%d)", uint8(s))
}

// MarshalText writes the name that configuration files use.
func (s Slow) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads disconnect, drop-oldest or conflate.
func (s *Slow) UnmarshalText(text []byte) error {
	for i, name := range slowNames {
		if string(text) == name {
			*s = Slow(i)
			return nil
		}
	}
	return fmt.Errorf("must be one of disconnect, drop-oldest, conflate, not %q", text)
}

// A Policy is how topics whose name matches behave.
type Policy struct {
	// Match is a pattern: * stands for any run of characters, also none, ? for
	// one character. "room:*" matches "room:42" and "room:a/b".
	Match string

	// History is how many of the newest events are kept for catch-up and
	// replay. -1 keeps none: such a topic has no positions.
	//
	// Defaults to 1000.
	History int

	// Store names the Log of Config.Logs that keeps the events.
	//
	// Defaults to "", which is Config.Log.
	Store string

	// TTL is the age at which a kept event is gone.
	//
	// Defaults to 0, which keeps events until newer ones push them out.
	TTL time.Duration

	// Dedup is how long the id of a publish is remembered. The same id within
	// it is kept and delivered once. -1 remembers none.
	//
	// Defaults to two minutes.
	Dedup time.Duration

	// Slow says what happens to a receiver that takes less than is published.
	//
	// Defaults to SlowDisconnect.
	Slow Slow

	// Idle is how long the topic's actor stays in memory without receivers and
	// messages. Its history stays in the Log. -1 keeps the actor.
	//
	// Defaults to 30 seconds.
	Idle time.Duration
}

// WithDefaults returns a copy in which every zero field has its default.
func (p Policy) WithDefaults() Policy {
	if p.Match == "" {
		p.Match = "*"
	}
	if p.History == 0 {
		p.History = DefaultHistory
	}
	if p.Dedup == 0 {
		p.Dedup = DefaultDedup
	}
	if p.Idle == 0 {
		p.Idle = DefaultIdle
	}
	return p
}

// Faults returns everything that is wrong with the policy, as sentences
// without the policy's place in its list.
func (p Policy) Faults() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := CheckPattern(p.Match); err != nil {
		add("match: %w", err)
	}
	if p.History < -1 || p.History > 1_000_000 {
		add("history.size: %d is not within 1 to 1000000 (-1 keeps none)", p.History)
	}
	if p.TTL < 0 {
		add("history.ttl: %s is negative", p.TTL)
	}
	if p.Dedup < 0 && p.Dedup != -1 {
		add("history.dedup: %s is negative (-1 remembers none)", p.Dedup)
	}
	if int(p.Slow) >= len(slowNames) {
		add("slow: must be one of disconnect, drop-oldest, conflate")
	}
	if p.Idle < 0 && p.Idle != -1 {
		add("idle: %s is negative (-1 keeps the actor)", p.Idle)
	}
	return faults
}

// HasHistory reports whether topics of this policy keep events and number them.
func (p Policy) HasHistory() bool { return p.History > 0 }

func (p Policy) retention() Retention {
	return Retention{Size: p.History, TTL: p.TTL, Dedup: max(p.Dedup, 0)}
}

// Policies are tried in order; the first whose Match fits a name decides.
type Policies []Policy

// For returns the policy of the topic, the default one where none matches.
func (ps Policies) For(name string) Policy { return *ps.find(name) }

// find shares the policy, which nobody changes.
func (ps Policies) find(name string) *Policy {
	for i := range ps {
		if Match(ps[i].Match, name) {
			return &ps[i]
		}
	}
	return &defaultPolicy
}

var defaultPolicy = Policy{}.WithDefaults()

// CheckPattern tells what is wrong with a pattern.
func CheckPattern(pattern string) error {
	if _, err := path.Match(glob(pattern), ""); err != nil {
		return fmt.Errorf("%q is not a pattern: %w", pattern, err)
	}
	return nil
}

// Match reports whether a pattern of a Policy fits a name.
func Match(pattern, name string) bool {
	if pattern == "*" || pattern == name {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && !strings.ContainsAny(prefix, `*?[\`) {
		return strings.HasPrefix(name, prefix)
	}
	ok, err := path.Match(glob(pattern), glob(name))
	return err == nil && ok
}

// glob hides the slash, at which path.Match would stop a star.
func glob(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

// A PolicyError says which policy of a list has a fault.
type PolicyError struct {
	Index int
	Match string
	Err   error
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("topics[%d] (match %q): %v", e.Index, e.Match, e.Err)
}

func (e *PolicyError) Unwrap() error { return e.Err }
