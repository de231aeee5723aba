package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

// maxClaimedName is how many characters the name may have that a client gives itself.
const maxClaimedName = 40

var (
	claimedID    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	claimedColor = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

// A claim is who a client says it is, in the parameters id, name and color of the
// upgrade request. A node without authentication believes it: it answers to this
// machine only, and the page's users want to see each other's names.
type claim struct {
	id    string
	Name  string `json:"name,omitempty"`
	Color string `json:"color,omitempty"`
}

// readClaim returns what is wrong as a sentence for the client's author.
func readClaim(query url.Values) (claim, error) {
	for _, key := range []string{"id", "name", "color"} {
		if len(query[key]) > 1 {
			return claim{}, fmt.Errorf("%s must be given once", key)
		}
	}
	c := claim{id: query.Get("id"), Name: query.Get("name"), Color: query.Get("color")}
	switch {
	case query.Has("id") && !claimedID.MatchString(c.id):
		return claim{}, fmt.Errorf("id must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	case query.Has("color") && !claimedColor.MatchString(c.Color):
		return claim{}, fmt.Errorf("color must be # and six hexadecimal digits, such as #9c2b2a")
	case query.Has("name") && !isName(c.Name):
		return claim{}, fmt.Errorf("name must be 1 to %d characters that can be seen", maxClaimedName)
	}
	return c, nil
}

func isName(s string) bool {
	n := 0
	seen := false
	for _, r := range s {
		if r == utf8.RuneError || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return false
		}
		seen = seen || !unicode.IsSpace(r)
		n++
	}
	return seen && n <= maxClaimedName
}

// claimed is the gateway's hook where no authentication is configured. checkClaims
// has looked at the request before.
func claimed(_ context.Context, r *http.Request) (gateway.Identity, error) {
	c, err := readClaim(r.URL.Query())
	if err != nil {
		return gateway.Identity{}, fmt.Errorf("%w: %w", gateway.ErrForbidden, err)
	}
	if c == (claim{}) {
		return gateway.Identity{}, nil
	}
	data, err := json.Marshal(c)
	if err != nil {
		return gateway.Identity{}, fmt.Errorf("claim: %w", err)
	}
	return gateway.Identity{ID: c.id, Data: data}, nil
}

// checkClaims answers a claim that can not be with 400 and the reason, since the
// gateway tells no reasons.
func checkClaims(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := readClaim(r.URL.Query()); err != nil {
			say(w, http.StatusBadRequest, err.Error()+"\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}
