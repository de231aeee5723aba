package cursor

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/public"
)

// Defaults of a Policy.
const (
	DefaultThrottle = 50 * time.Millisecond
	DefaultTick     = 16 * time.Millisecond
	DefaultTTL      = 30 * time.Second
	DefaultMaxData  = 8 << 10
)

// A Policy is how the cursors of topics whose name matches behave.
type Policy struct {
	// Match is a pattern as in topic.Policy.
	Match string

	// Off says that these topics have no cursors.
	Off bool

	// Throttle is the least time between two positions of one connection on a topic
	// that receivers see. The first comes at once; of those within it the last comes at
	// its end. -1: none.
	//
	// Defaults to 50 milliseconds.
	Throttle time.Duration

	// Tick is the least time between two frames of a topic that show moves; what comes
	// within it is gathered. -1: each at once, in a frame of its own.
	//
	// Defaults to 16 milliseconds.
	Tick time.Duration

	// TTL is how long a cursor that does not move stays.
	//
	// Defaults to 30 seconds.
	TTL time.Duration

	// MaxData is how many bytes of JSON one position may have, 1 to 65536.
	//
	// Defaults to 8 KiB.
	MaxData int

	// Select makes what others see of a user. It runs once for each cursor, on the
	// goroutine that calls Move, perhaps on several at once. It must return JSON.
	//
	// Defaults to public.Strip.
	Select func(user json.RawMessage) json.RawMessage
}

// WithDefaults returns a copy in which every zero field has its default.
func (p Policy) WithDefaults() Policy {
	if p.Match == "" {
		p.Match = "*"
	}
	if p.Throttle == 0 {
		p.Throttle = DefaultThrottle
	}
	if p.Tick == 0 {
		p.Tick = DefaultTick
	}
	if p.TTL == 0 {
		p.TTL = DefaultTTL
	}
	if p.MaxData == 0 {
		p.MaxData = DefaultMaxData
	}
	if p.Select == nil {
		p.Select = public.Strip
	}
	return p
}

// Faults returns everything that is wrong with the policy, as sentences without the
// policy's place in its list.
func (p Policy) Faults() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if p.Match != "" {
		if err := topic.CheckPattern(p.Match); err != nil {
			add("match: %w", err)
		}
	}
	if p.Throttle != -1 && (p.Throttle < 0 || p.Throttle > time.Minute) {
		add("cursors.throttle: %s is not within 0 to 1m (-1 is none)", p.Throttle)
	}
	if p.Tick != -1 && (p.Tick < 0 || p.Tick > time.Minute) {
		add("cursors.tick: %s is not within 0 to 1m (-1 gathers nothing)", p.Tick)
	}
	if p.TTL < 0 || p.TTL > 24*time.Hour || p.TTL > 0 && p.TTL < time.Second {
		add("cursors.ttl: %s is not within 1s to 24h", p.TTL)
	}
	if p.MaxData < 0 || p.MaxData > maxData {
		add("cursors.maxData: %d is not within 1 to %d", p.MaxData, maxData)
	}
	return faults
}

// A PolicyError says which policy of a list has a fault.
type PolicyError struct {
	Index int
	Match string
	Err   error
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("cursors[%d] (match %q): %v", e.Index, e.Match, e.Err)
}

func (e *PolicyError) Unwrap() error { return e.Err }

// policies are complete, and tried in order. Topics that none matches have no cursors.
type policies []Policy

func newPolicies(list []Policy) (policies, error) {
	if len(list) == 0 {
		list = []Policy{{}}
	}
	var faults []error
	ps := make(policies, 0, len(list))
	for i, p := range list {
		p = p.WithDefaults()
		for _, err := range p.Faults() {
			faults = append(faults, &PolicyError{Index: i, Match: p.Match, Err: err})
		}
		ps = append(ps, p)
	}
	return ps, errors.Join(faults...)
}

// find shares the policy, which nobody changes.
func (ps policies) find(name string) *Policy {
	if topic.IsSystem(name) {
		return &none
	}
	for i := range ps {
		if topic.Match(ps[i].Match, name) {
			return &ps[i]
		}
	}
	return &none
}

var none = Policy{Off: true}.WithDefaults()
