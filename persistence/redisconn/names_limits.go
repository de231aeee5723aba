package redisconn

import "strings"

// LimitPlaces is over how many slots the keys of a limit are spread.
const LimitPlaces = 64

// LimitPlace is the place of a key: keys with the same one share a slot. It is its FNV-1a hash.
func LimitPlace(key string) int {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return int(h % LimitPlaces)
}

// Limit is the hash of what was consumed of a key of a limit.
func (n Names) Limit(limit, key string) string {
	const digits = "0123456789abcdef"
	place := LimitPlace(key)
	return n.prefix + "{" + escape.Replace(limit) + "/" + digits[place/16:place/16+1] + digits[place%16:place%16+1] + "}:limit:" + key
}

// LimitPattern is what SCAN finds all keys of a limit by.
func (n Names) LimitPattern(limit string) string {
	return globEscape.Replace(n.prefix+"{"+escape.Replace(limit)+"/") + "[0-9a-f][0-9a-f]}:limit:*"
}

var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
