package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrMissing is returned by Verify for a request without a token.
	ErrMissing = errors.New("jwtauth: no token")

	// ErrInvalid is wrapped by what Verify returns for a token that is not to be
	// trusted. The text says why, without any part of the token.
	ErrInvalid = errors.New("jwtauth: invalid token")

	// ErrUnavailable is wrapped by what Verify returns while the key set could not
	// be fetched even once. It says nothing about the token.
	ErrUnavailable = errors.New("jwtauth: no keys to verify with")
)

// A refusal says why a token is invalid.
type refusal string

func (r refusal) Error() string { return ErrInvalid.Error() + ": " + string(r) }
func (r refusal) Unwrap() error { return ErrInvalid }

// A keySource finds the key or the keys for a token.
type keySource interface {
	key(token *jwt.Token) (any, error)
	renew(ctx context.Context) // tries to learn of keys that are not known
	close()
}

// A Verifier verifies tokens. Its methods are safe for concurrent use.
type Verifier struct {
	cfg     Config
	parser  *jwt.Parser
	keys    keySource
	metrics *metrics
}

// New returns a Verifier, or all faults of the Config. Where there is a key set to fetch, it
// tries once and for no longer than 5 seconds; if that fails it logs so, and the
// Verifier tries again later. New fails if ctx ends before. Close the Verifier.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	k, faults := cfg.keys()
	if faults = append(faults, cfg.otherFaults()...); len(faults) > 0 {
		return nil, fmt.Errorf("jwtauth: %w", errors.Join(faults...))
	}
	cfg = cfg.withDefaults()
	v := &Verifier{cfg: cfg, parser: newParser(cfg), metrics: newMetrics(cfg.Registerer)}
	if k.url == "" {
		v.keys = static(k)
		return v, nil
	}
	v.keys = startRemote(ctx, k.url, cfg, v.metrics)
	if ctx.Err() != nil {
		v.keys.close()
		return nil, fmt.Errorf("jwtauth: fetch keys: %w", context.Cause(ctx))
	}
	return v, nil
}

func newParser(cfg Config) *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(cfg.Algorithms),
		jwt.WithLeeway(cfg.Leeway),
		jwt.WithStrictDecoding(),
	}
	if !cfg.AllowEternal {
		options = append(options, jwt.WithExpirationRequired())
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	return jwt.NewParser(options...)
}

// Close ends fetching and returns when it has. Tokens are then verified with the keys that
// there are.
func (v *Verifier) Close() { v.keys.close() }

// Verify says who sent the request. It answers at once, except for a token that names an
// unknown key: then the key set may be fetched, for no longer than ctx and 5 seconds.
// Errors wrap ErrMissing, ErrInvalid, ErrUnavailable or that of ctx.
func (v *Verifier) Verify(ctx context.Context, r *http.Request) (Claims, error) {
	claims, err := v.verify(ctx, r)
	v.metrics.verified(err)
	return claims, err
}

func (v *Verifier) verify(ctx context.Context, r *http.Request) (Claims, error) {
	text, err := find(r, v.cfg.Cookie)
	if err != nil {
		return Claims{}, err
	}
	p, err := v.parse(text)
	if errors.Is(err, jwkset.ErrKeyNotFound) || errors.Is(err, ErrUnavailable) {
		v.keys.renew(ctx)
		if ctx.Err() != nil {
			return Claims{}, fmt.Errorf("jwtauth: fetch keys: %w", context.Cause(ctx))
		}
		p, err = v.parse(text)
	}
	if err != nil {
		return Claims{}, reason(err)
	}
	return v.claims(p)
}

func (v *Verifier) parse(text string) (*payload, error) {
	p := make(payload)
	token, err := v.parser.ParseWithClaims(text, &p, func(token *jwt.Token) (any, error) {
		if _, ok := token.Header["crit"]; ok {
			return nil, refusal("its header demands what is not understood here")
		}
		return v.keys.key(token)
	})
	if err != nil {
		return nil, err
	}
	if !token.Valid { // the library promises an error; this costs nothing
		return nil, refusal("its signature is wrong")
	}
	return &p, nil
}

func (v *Verifier) claims(p *payload) (Claims, error) {
	id, err := p.identity(v.cfg.Identity)
	if err != nil {
		return Claims{}, err
	}
	roles, err := p.roles(v.cfg.Roles)
	if err != nil {
		return Claims{}, err
	}
	claims := Claims{ID: id, Roles: roles, Data: p.pick(v.cfg.Data)}
	if exp, err := p.GetExpirationTime(); err == nil && exp != nil {
		claims.ExpiresAt = exp.Add(v.cfg.Leeway)
	}
	return claims, nil
}

// reasons translates the library's errors, whose texts quote the token. The first that
// fits is the one told.
var reasons = []struct {
	err  error
	text refusal
}{
	{jwt.ErrTokenMalformed, "it is not a JSON Web Token"},
	{jwkset.ErrKeyNotFound, "it names a key that is not known"},
	{jwt.ErrTokenUnverifiable, "it names no key or algorithm that is accepted"},
	{jwt.ErrTokenSignatureInvalid, "its signature or algorithm is wrong"},
	{jwt.ErrTokenExpired, "it has expired"},
	{jwt.ErrTokenRequiredClaimMissing, "a required claim is missing"},
	{jwt.ErrTokenNotValidYet, "it is not valid yet"},
	{jwt.ErrTokenInvalidAudience, "it is for another audience"},
	{jwt.ErrTokenInvalidIssuer, "it is of another issuer"},
}

func reason(err error) error {
	var why refusal
	if errors.As(err, &why) {
		return why
	}
	if errors.Is(err, ErrUnavailable) {
		return ErrUnavailable
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.text
		}
	}
	return refusal("its claims are wrong")
}
