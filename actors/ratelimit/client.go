package ratelimit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
)

// A Client is who consumes, as far as is known.
type Client struct {
	Connection string // unique in the cluster
	Address    string // without a port
	Identity   string // empty: anonymous
}

// Key returns the key whose points a client consumes: the kind of thing, a colon and
// the thing, as in "address:1.2.3.4". Those of which the thing is not known share
// "address:unknown" or "connection:unknown". What would be longer than a key may be is
// replaced by its SHA-256, as in "identity-sha256:...".
func (p Policy) Key(c Client) string {
	switch {
	case p.By == ByConnection:
		return keyOf("connection", c.Connection)
	case p.By == ByIdentity && c.Identity != "":
		return keyOf("identity", c.Identity)
	}
	return keyOf("address", c.Address)
}

func keyOf(what, who string) string {
	who = cmp.Or(who, "unknown")
	if len(what)+1+len(who) > maxKey {
		sum := sha256.Sum256([]byte(who))
		return what + "-sha256:" + hex.EncodeToString(sum[:])
	}
	return what + ":" + who
}
