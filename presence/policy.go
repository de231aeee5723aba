package presence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/public"
	"github.com/troupe-rt/troupe/topic/roster"
)

// DefaultKey is the field of a user's data that tells users apart.
const DefaultKey = "id"

// MaxGrace bounds Policy.Grace.
const MaxGrace = time.Hour

// A Policy says how presence works on topics whose name matches.
type Policy struct {
	// Match is a pattern as in topic.Policy.
	Match string

	// Off: these topics have no presence.
	Off bool

	// Key is the field of the user's data whose value, a text or a number, tells
	// users apart: 7 and "7" are one user. Where there is none the identity decides;
	// who has neither is a member of his own for each connection.
	//
	// Defaults to "id".
	Key string

	// Grace is how long a member stays after his last session ended. If he is back
	// within it, on any node, he never left. At most MaxGrace.
	//
	// Defaults to 0: he leaves at once.
	Grace time.Duration

	// Heartbeat is how often receivers are sent the keys of all members, for clients
	// that age their entries: at least a second.
	//
	// Defaults to 0: never.
	Heartbeat time.Duration

	// Select makes what others see of a user from his data. What it returns must be
	// JSON; it is called once per session, by many goroutines at once.
	//
	// Defaults to public.Strip, which drops what looks like a secret.
	Select func(data json.RawMessage) json.RawMessage
}

// WithDefaults returns a copy in which every zero field has its default.
func (p Policy) WithDefaults() Policy {
	if p.Match == "" {
		p.Match = "*"
	}
	if p.Key == "" {
		p.Key = DefaultKey
	}
	if p.Select == nil {
		p.Select = public.Strip
	}
	return p
}

// Faults returns everything that is wrong with the policy, as "field: rule".
func (p Policy) Faults() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := topic.CheckPattern(p.Match); err != nil {
		add("match: %w", err)
	}
	if p.Grace < 0 || p.Grace > MaxGrace {
		add("grace: %s is not within 0 to %s", p.Grace, MaxGrace)
	}
	if p.Heartbeat != 0 && p.Heartbeat < time.Second {
		add("heartbeat: %s is less than 1s (0 sends none)", p.Heartbeat)
	}
	return faults
}

type policies []Policy

func (ps policies) find(name string) *Policy {
	for i := range ps {
		if topic.Match(ps[i].Match, name) {
			return &ps[i]
		}
	}
	return &off
}

var off = Policy{Off: true}.WithDefaults()

// member is the key and the public data of a user. Anonymous is the key of one who
// has none.
func (p *Policy) member(identity, anonymous string, data json.RawMessage) (string, []byte, error) {
	key := userKey(p.Key, data)
	if key == "" {
		key = identity
	}
	if key == "" {
		key = anonymous
	}
	if len(key) == 0 || len(key) > roster.MaxKey || !utf8.ValidString(key) {
		return "", nil, &topic.InputError{Field: "key", Rule: fmt.Sprintf("must be 1 to %d bytes of UTF-8", roster.MaxKey)}
	}
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	shown := p.Select(data)
	var out bytes.Buffer
	if err := json.Compact(&out, shown); err != nil || !utf8.Valid(shown) {
		return "", nil, &topic.InputError{Field: "data", Rule: "must be JSON after Select", Err: err}
	}
	if out.Len() > roster.MaxValue {
		return "", nil, &topic.InputError{Field: "data", Rule: fmt.Sprintf("must be at most %d bytes", roster.MaxValue)}
	}
	return key, out.Bytes(), nil
}

// userKey reads a text or a number from the data, "" if there is none.
func userKey(field string, data json.RawMessage) string {
	if len(data) == 0 {
		return ""
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return ""
	}
	raw := fields[field]
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}
