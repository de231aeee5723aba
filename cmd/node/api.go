package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/httpapi"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// newAPI is everything under /api/v1/.
func newAPI(node *cluster.Node, loaded *settings.Loaded, logger *slog.Logger, reg prometheus.Registerer) (http.Handler, error) {
	o := httpapi.Options{Keys: loaded.APIKeys, AnyScript: loaded.AnyScript, Logger: logger, Registerer: reg}
	if loaded.JWT != nil {
		// A node that asks clients who they are may stand behind a proxy on its own
		// machine, which would make everybody a caller from there.
		o.Authorize = func(*http.Request, string) error { return httpapi.ErrUnauthenticated }
	}
	api, err := httpapi.New(node, o)
	if err != nil {
		return nil, fmt.Errorf("auth.apiKeys: %w", err)
	}
	return api, nil
}

// withAPI looks for calls of the API first: a mux would redirect a path with an empty part
// to a call that was not meant.
func (s *server) withAPI(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			s.api.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type keyCommand struct{}

// Run makes a key. It is not written down anywhere else.
func (keyCommand) Run(m *Main) error {
	key, hash := httpapi.NewKey()
	_, err := fmt.Fprintf(m.Stdout, "key:  %s\nhash: %s\n", key, hash)
	return err
}
