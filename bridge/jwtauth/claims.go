package jwtauth

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// maxID is the length of the longest identity, in bytes.
const maxID = 256

// Claims are what a verified token says.
type Claims struct {
	ID    string   // who it is, 1 to 256 bytes
	Roles []string // nil if the token names none

	// Data is a JSON object of the claims that Config.Data names and the token
	// has, as they stand in it; nil if there are none.
	Data json.RawMessage

	// ExpiresAt is when the token ends, Config.Leeway included. Zero: never.
	ExpiresAt time.Time
}

// A payload is the claims of a token as they stand in it. encoding/json would let Exp
// stand for exp, and read numbers as floats.
type payload map[string]json.RawMessage

var _ jwt.Claims = (*payload)(nil)

// UnmarshalJSON implements json.Unmarshaler.
func (p *payload) UnmarshalJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("claims are not UTF-8")
	}
	return json.Unmarshal(text, (*map[string]json.RawMessage)(p))
}

// GetExpirationTime implements jwt.Claims, as do its neighbours.
func (p *payload) GetExpirationTime() (*jwt.NumericDate, error) { return p.date("exp") }

func (p *payload) GetNotBefore() (*jwt.NumericDate, error) { return p.date("nbf") }
func (p *payload) GetIssuedAt() (*jwt.NumericDate, error)  { return p.date("iat") }
func (p *payload) GetIssuer() (string, error)              { return p.text("iss") }
func (p *payload) GetSubject() (string, error)             { return p.text("sub") }

func (p *payload) GetAudience() (jwt.ClaimStrings, error) {
	var aud jwt.ClaimStrings
	err := p.read("aud", &aud)
	return aud, err
}

// date reads a time. One that is not within the years 1970 to 9999 was not meant as
// seconds.
func (p *payload) date(name string) (*jwt.NumericDate, error) {
	if p.lacks(name) {
		return nil, nil
	}
	var seconds float64
	if err := p.read(name, &seconds); err != nil {
		return nil, err
	}
	if seconds < 0 || seconds > 253_402_300_799 {
		return nil, refusal("a time is not in seconds since 1970")
	}
	whole := int64(seconds)
	return jwt.NewNumericDate(time.Unix(whole, int64((seconds-float64(whole))*1e9))), nil
}

func (p *payload) text(name string) (string, error) {
	var text string
	err := p.read(name, &text)
	return text, err
}

func (p *payload) lacks(name string) bool {
	raw, ok := (*p)[name]
	return !ok || string(raw) == "null"
}

// read leaves v alone where the claim is missing.
func (p *payload) read(name string, v any) error {
	if p.lacks(name) {
		return nil
	}
	if json.Unmarshal((*p)[name], v) != nil {
		return refusal("a claim is of the wrong type")
	}
	return nil
}

// identity reads a text or a whole number.
func (p *payload) identity(name string) (string, error) {
	var id string
	raw := (*p)[name]
	if isWhole(raw) {
		id = string(raw)
	} else if err := p.read(name, &id); err != nil {
		return "", err
	}
	if id == "" || len(id) > maxID {
		return "", refusal("the claim for the identity is missing, empty or too long")
	}
	return id, nil
}

func isWhole(raw []byte) bool {
	for i, c := range raw {
		if (c < '0' || c > '9') && (c != '-' || i > 0) {
			return false
		}
	}
	return len(raw) > 0
}

func (p *payload) roles(name string) ([]string, error) {
	if raw := (*p)[name]; len(raw) > 0 && raw[0] == '"' {
		text, err := p.text(name)
		return strings.Fields(text), err
	}
	var roles []string
	err := p.read(name, &roles)
	return roles, err
}

// pick returns an object of the claims named that are there.
func (p *payload) pick(names []string) json.RawMessage {
	var out []byte
	separator := byte('{')
	for _, name := range names {
		raw, ok := (*p)[name]
		if !ok {
			continue
		}
		key, _ := json.Marshal(name) // a text always has a JSON
		out = append(append(out, separator), key...)
		out = append(append(out, ':'), raw...)
		separator = ','
	}
	if out == nil {
		return nil
	}
	return append(out, '}')
}
