package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/bridge/jwtauth"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// authenticator answers the gateway's question who a client is. A nil one has
// nothing to close.
type authenticator struct {
	verifier *jwtauth.Verifier

	// anonymous lets clients without a token in, because some topics are for
	// anyone. A token that is not right is refused all the same.
	anonymous bool
}

func jwtConfig(j *settings.JWT) jwtauth.Config {
	return jwtauth.Config{
		Keys: j.Keys, Algorithms: j.Algorithms, Audience: j.Audience, Issuer: j.Issuer,
		Cookie: j.Cookie, Identity: j.Identity, Roles: j.Roles, Data: j.Data,
	}
}

// newAuthenticator returns nil where nobody has to say who they are.
func newAuthenticator(ctx context.Context, loaded *settings.Loaded, logger *slog.Logger, reg prometheus.Registerer) (*authenticator, error) {
	if loaded.JWT == nil {
		return nil, nil
	}
	cfg := jwtConfig(loaded.JWT)
	cfg.Logger, cfg.Registerer = logger, reg
	verifier, err := jwtauth.New(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("auth.jwt: %w", err)
	}
	open := slices.ContainsFunc(loaded.Topics, func(t settings.Topic) bool {
		return slices.Contains(t.Subscribe, settings.Anyone) || slices.Contains(t.Publish, settings.Anyone)
	})
	return &authenticator{verifier, open}, nil
}

// authenticate is the gateway's hook.
func (a *authenticator) authenticate(ctx context.Context, r *http.Request) (gateway.Identity, error) {
	claims, err := a.verifier.Verify(ctx, r)
	switch {
	case err == nil:
		return gateway.Identity{ID: claims.ID, Roles: claims.Roles, Data: claims.Data, ExpiresAt: claims.ExpiresAt}, nil
	case errors.Is(err, jwtauth.ErrMissing) && a.anonymous:
		return gateway.Identity{}, nil
	case errors.Is(err, jwtauth.ErrMissing), errors.Is(err, jwtauth.ErrInvalid):
		return gateway.Identity{}, fmt.Errorf("%w: %w", gateway.ErrUnauthenticated, err)
	}
	return gateway.Identity{}, err // no keys yet, or too slow: not the client's doing
}

func (a *authenticator) close() {
	if a != nil {
		a.verifier.Close()
	}
}
