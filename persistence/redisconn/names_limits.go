package redisconn

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// LimitPlaces is over how many slots the keys of a limit are spread.
const LimitPlaces = 64

// LimitPlace is the place of a key: keys with the same one share a slot.
func LimitPlace(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % LimitPlaces)
}

// Limit is the hash of what was consumed of a key of a limit.
func (n Names) Limit(limit, key string) string {
	return fmt.Sprintf("%s{%s/%02x}:limit:%s", n.prefix, escape.Replace(limit), LimitPlace(key), key)
}

// LimitPattern is what SCAN finds all keys of a limit by.
func (n Names) LimitPattern(limit string) string {
	return globEscape.Replace(n.prefix+"{"+escape.Replace(limit)+"/") + "[0-9a-f][0-9a-f]}:limit:*"
}

var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
