package public

import (
	"strings"
	"unicode"
)

var secretWords = [...]string{"token", "secret", "password", "auth", "session", "cookie", "jwt", "credential"}

// Secret reports whether the name of a member says that it must not be shown. See Strip.
func Secret(name string) bool {
	if strings.HasPrefix(name, "__") {
		return true
	}
	low := lower(name)
	if low == "remoteaddress" {
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// lower makes small letters of capitals, and of the two signs beyond ASCII that count as
// capitals of ASCII letters: the long s and Kelvin's K.
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case r == 'ſ':
			return 's'
		case r == '\u212a':
			return 'k'
		case r < 0x80:
			return r
		}
		return unicode.ToLower(r)
	}, name)
}
