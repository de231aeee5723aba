package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// Bounds of the HTTP server. A connection that has become a WebSocket is the
// gateway's and has the bounds of the gateway.
const (
	headerTimeout = 5 * time.Second
	answerTimeout = 30 * time.Second
	keepTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// server is a node with everything that makes it reachable. Its owner starts
// it and calls drain or close.
type server struct {
	logger   *slog.Logger
	listener net.Listener
	node     *cluster.Node
	gateway  *gateway.Gateway
	api      http.Handler
	auth     *authenticator // nil: everybody is who they say
	http     *http.Server
	metrics  *exposition
	redis    string // its URL without secrets; "" for none
	postgres string // the same
	schema   string // in Postgres
	beside   *neighbours
	began    time.Time

	draining atomic.Bool
	failed   chan error // what ended the HTTP server by itself
}

// startServer opens the port first: an address in use is the likeliest fault.
func startServer(ctx context.Context, loaded *settings.Loaded, logger *slog.Logger, metrics *exposition) (_ *server, err error) {
	s := &server{logger: logger, redis: shownRedis(loaded), postgres: shownPostgres(loaded), began: time.Now(), failed: make(chan error, 1), metrics: metrics}
	s.schema, _ = schemaOf(loaded) // "" only without Postgres
	s.listener, err = listen(ctx, loaded)
	if err != nil {
		return nil, err
	}
	if err := s.wire(ctx, loaded); err != nil {
		s.close()
		return nil, err
	}
	if loaded.JWT == nil && loaded.Redis+loaded.Postgres != "" {
		s.beside = watchNeighbours(s.node, s.URL())
	}
	s.http = newHTTPServer(s.handler(loaded.JWT == nil), logger)
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// newHTTPServer bounds what a client can hold without being let in.
func newHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       answerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       keepTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// wire starts the node and what connects it to clients. What is started when
// it fails is its caller's to close.
func (s *server) wire(ctx context.Context, loaded *settings.Loaded) (err error) {
	if s.auth, err = newAuthenticator(ctx, loaded, s.logger, s.metrics.node); err != nil {
		return err
	}
	topics, present, cursors := policies(loaded.Topics)
	// The node does not end with ctx but when drain has told the clients.
	s.node, err = cluster.Start(context.WithoutCancel(ctx), cluster.Config{
		Topics:        topics,
		Presence:      present,
		Cursors:       cursors,
		Groups:        groups(loaded.Groups),
		Limits:        loaded.Limits,
		Redis:         loaded.Redis,
		Postgres:      loaded.Postgres,
		Schema:        loaded.Schema,
		PostgresConns: loaded.PostgresConns,
		Notify:        loaded.Bridge.Notify,
		Outbox:        outboxOf(loaded),
		Prefix:        loaded.Prefix,
		Replicas:      loaded.Replicas,
		Address:       s.URL(),
		Memory:        int64(loaded.Memory),
		DrainTimeout:  loaded.DrainTimeout,
		Logger:        s.logger,
		Registerer:    s.metrics.node,
	})
	if err != nil {
		return err
	}
	options, err := gatewayOptions(loaded, s.auth, s.logger, s.metrics.node)
	if err != nil {
		return err
	}
	options.CanJoin = mayJoin(s.node.Groups(), s.auth != nil)
	if s.gateway, err = gateway.New(s.node, options); err != nil {
		return err
	}
	s.api, err = newAPI(s.node, loaded, s.logger, s.metrics.node)
	return err
}

// listen opens the port. Without authentication the address that came of it is
// looked at once more: a name may stand for anything.
func listen(ctx context.Context, loaded *settings.Loaded) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", loaded.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens on %s already; stop it, or choose another port, such as --listen 127.0.0.1:8081", loaded.Listen)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s; choose a port from 1024, such as --listen 127.0.0.1:8080", loaded.Listen)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", loaded.Listen, err)
	}
	if host, _, _ := net.SplitHostPort(l.Addr().String()); loaded.JWT == nil && !settings.IsLoopback(host) {
		return nil, errors.Join(fmt.Errorf("%s stands for %s, which is not this machine alone; listen on 127.0.0.1 or [::1]",
			loaded.Listen, l.Addr()), l.Close())
	}
	return l, nil
}

func gatewayOptions(loaded *settings.Loaded, auth *authenticator, logger *slog.Logger, reg prometheus.Registerer) (gateway.Options, error) {
	g := loaded.Gateway
	o := gateway.Options{
		Authenticate: claimed,
		Origins:      loaded.Origins,
		AnyScript:    loaded.AnyScript,
		HookTimeout:  g.HookTimeout,
		PingAfter:    g.PingAfter,
		IdleTimeout:  g.IdleTimeout,
		Logger:       logger,
		Registerer:   reg,
		PublishLimit: publishLimit(loaded.Topics),
		FrameLimit:   g.FrameLimit,
		UpgradeLimit: g.UpgradeLimit,
		Limits: gateway.Limits{
			MaxFrame:        int(g.Frame),
			MaxTopics:       g.Topics,
			MaxQueued:       int(g.Queue),
			FramesPerSecond: g.FramesPerSecond,
			Connections:     g.Connections,
			PerAddress:      g.ConnectionsPerAddress,
			Upgrades:        g.UpgradesPerAddress,
		},
	}
	if auth != nil {
		o.Authenticate = auth.authenticate
	}
	if err := grant(&o, loaded.Topics); err != nil {
		return gateway.Options{}, err
	}
	return o, nil
}

// URL is where a browser finds the node.
func (s *server) URL() string {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	switch host {
	case "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// drain stops gently: not ready, clients told to go elsewhere, topics, port.
func (s *server) drain(ctx context.Context) error {
	s.draining.Store(true)
	err := s.node.Drain(ctx)
	if shut := s.http.Shutdown(ctx); shut != nil {
		err = errors.Join(err, fmt.Errorf("http: %w", shut), s.http.Close())
	}
	s.auth.close()
	s.beside.wait()
	return err
}

// close stops hard, whatever has been started. After it, drain returns soon.
func (s *server) close() {
	s.draining.Store(true)
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	} else if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.node != nil {
		errs = append(errs, s.node.Close())
	}
	s.auth.close()
	s.beside.wait()
	if err := errors.Join(errs...); err != nil {
		s.logger.Warn("node did not stop cleanly", "err", err)
	}
}
