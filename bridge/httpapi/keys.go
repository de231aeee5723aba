package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
)

type digest = [sha256.Size]byte

// keyPrefix tells people, and programs that look for leaked secrets, what a key is.
const keyPrefix = "troupe_"

// NewKey makes a key of 256 random bits, and the hash for the Key that knows it.
func NewKey() (key, hash string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails, and ends the program where it would
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return key, HashKey(key)
}

// HashKey is the hash of a key of one's own. It must be as hard to guess as a random text:
// unlike a password's, this hash is quick to try out.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// A keyring finds the Key that a caller presents.
type keyring []held

type held struct {
	hash digest
	name string
	may  map[string]bool
}

func newKeyring(keys []Key) keyring {
	ring := make(keyring, len(keys))
	for i, k := range keys {
		hash, _ := parseHash(k.Hash) // Options.faults has looked at it
		may := make(map[string]bool, len(k.May))
		for _, permission := range k.May {
			may[permission] = true
		}
		ring[i] = held{hash, k.Name, may}
	}
	return ring
}

// find looks at every hash, so that the time it takes tells nothing of them.
func (ring keyring) find(key string) *held {
	sum := sha256.Sum256([]byte(key))
	var found *held
	for i := range ring {
		if subtle.ConstantTimeCompare(ring[i].hash[:], sum[:]) == 1 {
			found = &ring[i]
		}
	}
	return found
}

// bearer is what a request presents, "" for nothing.
func bearer(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
