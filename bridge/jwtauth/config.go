package jwtauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of a Config.
const (
	DefaultIdentity = "sub"
	DefaultRoles    = "roles"
	DefaultLeeway   = 10 * time.Second
	DefaultRefresh  = time.Hour
)

// The names of algorithms (RFC 7518 and 8037) that a Config can allow.
const (
	HS256 = "HS256"
	RS256 = "RS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
)

// Config of a Verifier. Keys and Algorithms are required.
type Config struct {
	// Keys is what signatures are checked with, one of
	//
	//	https://host/jwks.json   a JSON Web Key Set, fetched and kept fresh; http only from a loopback address
	//	-----BEGIN PUBLIC KEY-   one or more public keys or certificates in PEM
	//	file:PATH                a file with such PEM, or with a secret; read once
	//	anything else            a secret of at least 32 bytes, for HS256
	Keys string

	// Algorithms are those accepted: HS256, RS256, ES256, EdDSA. HS256 goes only
	// with a secret, and a secret only with HS256.
	Algorithms []string

	// Identity is the claim that says who it is, a text or a whole number.
	//
	// Defaults to sub.
	Identity string

	// Roles is the claim with the roles, a list of texts, or a text that separates
	// them by spaces. A token may lack it.
	//
	// Defaults to roles.
	Roles string

	// Data are the claims that Claims.Data has.
	Data []string

	// Cookie is the name of the cookie that may hold the token. A browser sends
	// cookies on its own: check the origin of requests too.
	//
	// Defaults to none.
	Cookie string

	Audience string // the aud that a token must have; "" accepts any
	Issuer   string // the iss that a token must have; "" accepts any

	// Leeway is by how much clocks may differ. It prolongs every token.
	//
	// Defaults to 10 seconds, at most 5 minutes. -1 allows none.
	Leeway time.Duration

	// AllowEternal accepts tokens without an expiry (exp).
	AllowEternal bool

	// Refresh is the interval at which a key set is fetched again. Revoked
	// keys are accepted for so long.
	//
	// Defaults to an hour, at least a minute.
	Refresh time.Duration

	Transport  http.RoundTripper     // fetches the key set; nil: one of its own
	Logger     *slog.Logger          // defaults to discarding
	Registerer prometheus.Registerer // nil counts without exposing
}

func (c Config) withDefaults() Config {
	if c.Identity == "" {
		c.Identity = DefaultIdentity
	}
	if c.Roles == "" {
		c.Roles = DefaultRoles
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	c.Leeway = max(c.Leeway, 0)
	if c.Refresh == 0 {
		c.Refresh = DefaultRefresh
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Faults returns everything that is wrong with the Config, as sentences that begin
// with the setting's name. None of them contains a key. A file that
// Keys names is read, nothing is fetched.
func (c Config) Faults() []error {
	_, faults := c.keys()
	return append(faults, c.otherFaults()...)
}

func (c Config) otherFaults() (faults []error) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for i, name := range c.Data {
		if name == "" || slices.Contains(c.Data[:i], name) {
			add("data: %q is empty or named twice", name)
		}
	}
	if c.Cookie != "" && (&http.Cookie{Name: c.Cookie, Value: "x"}).Valid() != nil {
		add("cookie: %q can not be the name of a cookie", c.Cookie)
	}
	if c.Leeway > 5*time.Minute || c.Leeway < 0 && c.Leeway != -1 {
		add("leeway: %s is not within 0 and 5m (-1 allows none)", c.Leeway)
	}
	if c.Refresh != 0 && c.Refresh < time.Minute {
		add("refresh: %s is shorter than 1m", c.Refresh)
	}
	return faults
}

// algorithmFaults looks at Algorithms alone.
func (c Config) algorithmFaults() (faults []error) {
	known := []string{HS256, RS256, ES256, EdDSA}
	if len(c.Algorithms) == 0 {
		faults = append(faults, errors.New("algorithms: name those that are accepted, of HS256, RS256, ES256, EdDSA"))
	}
	for i, alg := range c.Algorithms {
		switch {
		case strings.EqualFold(alg, "none"):
			faults = append(faults, errors.New("algorithms: none is no signature, and is never accepted"))
		case !slices.Contains(known, alg):
			faults = append(faults, fmt.Errorf("algorithms: %q is not one of HS256, RS256, ES256, EdDSA", alg))
		case slices.Contains(c.Algorithms[:i], alg):
			faults = append(faults, fmt.Errorf("algorithms: %s is named twice", alg))
		}
	}
	if slices.Contains(c.Algorithms, HS256) && len(c.Algorithms) > 1 {
		faults = append(faults, errors.New("algorithms: HS256 takes a secret and the others public keys, so it stands alone"))
	}
	return faults
}

// checkURL tells whether keys may be fetched from u. What passes on its way in the
// clear could be exchanged for other keys.
func checkURL(u *url.URL) error {
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case host == "":
		return errors.New("the URL has no host")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback()):
		return nil
	}
	return errors.New("keys are fetched by https, or by http from a loopback address")
}
