package topic

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the greatest length of the name of a topic or an event, in
// characters.
const MaxName = 256

// SystemPrefix begins the names that belong to the system. Clients never
// subscribe to or publish on them.
const SystemPrefix = "__"

// IsSystem reports whether name belongs to the system.
func IsSystem(name string) bool { return strings.HasPrefix(name, SystemPrefix) }

// CheckName tells what is wrong with a topic's name: 1 to 256 printable ASCII
// characters without quote and backslash. With anyScript, printable characters
// of every script are fine too. The error is an *InputError.
func CheckName(name string, anyScript bool) error {
	return checkName("topic", name, anyScript)
}

// CheckEvent does the same for the name of an event, which may use any script.
func CheckEvent(name string) error { return checkName("event", name, true) }

func checkName(field, name string, anyScript bool) error {
	if name == "" {
		return &InputError{Field: field, Rule: "must not be empty"}
	}
	if len(name) > MaxName && utf8.RuneCountInString(name) > MaxName {
		return &InputError{Field: field, Rule: "must be at most 256 characters long"}
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '"' || c == '\\':
			return &InputError{Field: field, Rule: `must not contain " or \`}
		case c < 0x20 || c == 0x7f:
			return &InputError{Field: field, Rule: "must not contain control characters"}
		case c > 0x7f && !anyScript:
			return &InputError{Field: field, Rule: "must be printable ASCII"}
		case c > 0x7f:
			return checkScript(field, name)
		}
	}
	return nil
}

// checkScript looks at a name that has more than ASCII in it.
func checkScript(field, name string) error {
	if !utf8.ValidString(name) {
		return &InputError{Field: field, Rule: "must be valid UTF-8"}
	}
	for _, r := range name {
		switch {
		case r == '"' || r == '\\':
			return &InputError{Field: field, Rule: `must not contain " or \`}
		case !unicode.IsPrint(r):
			return &InputError{Field: field, Rule: "must not contain control or invisible characters"}
		}
	}
	return nil
}
