package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

type authenticator struct{}

func newAuthenticator(ctx context.Context, loaded *settings.Loaded) (*authenticator, error) {
	if loaded.JWT != nil {
		return nil, errors.New("auth.jwt: being written")
	}
	return nil, nil
}
func checkVerifier(*settings.JWT) error { return nil }
func (a *authenticator) close()         {}
func (a *authenticator) authenticate(context.Context, *http.Request) (gateway.Identity, error) {
	return gateway.Identity{}, nil
}
