package group

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/topic/public"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A Member is somebody in a group, as others see it.
type Member struct {
	Key  string          `json:"key"`
	Role string          `json:"role"`
	Data json.RawMessage `json:"data"`
}

// maxShown bounds the data of a member, in bytes.
const maxShown = 60 << 10

// connectionMark begins the keys of members that are connections. An identity that
// begins with it too is given one more, so that nobody has another's key.
const connectionMark = "~"

// member is who a joiner becomes.
func (p *Policy) member(j Joiner) (Member, error) {
	key, err := p.key(j)
	if err != nil {
		return Member{}, err
	}
	role, err := p.Role(j.Role)
	if err != nil {
		return Member{}, err
	}
	data, err := p.shown(j.Data)
	return Member{Key: key, Role: role, Data: data}, err
}

// key is the member's key in the group.
func (p *Policy) key(j Joiner) (string, error) {
	field, key := "identity", j.Identity
	switch {
	case p.Key == ByConnection || j.Identity == "":
		if field = "connection"; j.Connection == "" {
			return "", inputError(field, "must not be empty, for it is the member's key")
		}
		if strings.HasPrefix(j.Connection, connectionMark) {
			return "", inputError(field, "must not begin with %s", connectionMark)
		}
		key = connectionMark + j.Connection
	case strings.HasPrefix(key, connectionMark):
		key = connectionMark + key
	}
	if len(key) > roster.MaxKey {
		return "", inputError(field, "must be at most %d bytes long", roster.MaxKey-1)
	}
	if !utf8.ValidString(key) {
		return "", inputError(field, "must be valid UTF-8")
	}
	return key, nil
}

// shown is what members see of a joiner's data, without space in it.
func (p *Policy) shown(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		return json.RawMessage("null"), nil
	}
	if !validJSON(data) {
		return nil, inputError("data", "must be JSON in UTF-8")
	}
	if p.MemberData != nil {
		data = public.Pick(data, p.MemberData)
	} else {
		data = public.Strip(data)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, inputError("data", "must be JSON in UTF-8")
	}
	if compact.Len() > maxShown {
		return nil, inputError("data", "must be at most %d bytes of what members see", maxShown)
	}
	return compact.Bytes(), nil
}

func validJSON(b []byte) bool { return utf8.Valid(b) && json.Valid(b) }

const (
	beginRole = `{"role":"`
	endRole   = `","data":`
)

// value is a member as the Store keeps it. Names of roles need no escape.
func (m Member) value() []byte {
	v := make([]byte, 0, len(beginRole)+len(m.Role)+len(endRole)+len(m.Data)+1)
	v = append(append(append(v, beginRole...), m.Role...), endRole...)
	return append(append(v, m.Data...), '}')
}

// split takes a value apart; ok is false if it is none that a node wrote.
func split(value []byte) (role, data []byte, ok bool) {
	rest, begins := bytes.CutPrefix(value, []byte(beginRole))
	role, data, parted := bytes.Cut(rest, []byte(endRole))
	if !begins || !parted || len(data) < 2 || data[len(data)-1] != '}' {
		return nil, nil, false
	}
	data = data[: len(data)-1 : len(data)-1]
	if !plain(role) || !validJSON(data) {
		return nil, nil, false
	}
	return role, data, true
}

// readMember reads what a Store kept. Of a value that no node wrote the role is ""
// and the data null, and ok is false.
func readMember(key string, value []byte) (m Member, ok bool) {
	role, data, ok := split(value)
	if !ok {
		return Member{Key: key, Data: json.RawMessage("null")}, false
	}
	return Member{Key: key, Role: string(role), Data: data}, true
}

// appendMember writes {"key":K,"role":R,"data":D without the last brace.
func appendMember(b []byte, key string, value []byte) []byte {
	b = append(appendText(append(b, `{"key":`...), key), ',')
	if _, _, ok := split(value); !ok {
		return append(b, `"role":"","data":null`...)
	}
	return append(b, value[1:len(value)-1]...)
}

// appendText writes a string as JSON.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s) // a string can always be encoded
	return append(b, quoted...)
}

// plain reports whether a text is its own JSON between quotes.
func plain[T string | []byte](s T) bool {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == '"' || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(string(s))
}

func sortMembers(ms []Member) {
	slices.SortFunc(ms, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
}
