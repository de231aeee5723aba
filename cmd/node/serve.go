package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/settings"
	"github.com/troupe-rt/troupe/persistence/redisconn"
)

type serveCommand struct{ configured }

// Run serves until a signal or the end of ctx, and then stops gently.
func (c *serveCommand) Run(ctx context.Context, m *Main, flags given) error {
	loaded, err := c.load(m, flags)
	if err != nil {
		return err
	}
	logger := newLogger(m.Stderr, loaded.Log)
	raiseFileLimit(logger)
	redisconn.LogTo(logger)
	// Who can connect can also end the node gently, so signals are heard before.
	signals, release := m.signals()
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := startUnless(ctx, cancel, signals, loaded, logger)
	if s == nil {
		return err
	}
	announce(logger, loaded, s.URL())
	if m.Serving != nil {
		m.Serving(s.URL())
	}
	cause := s.wait(ctx, signals)
	return errors.Join(cause, s.stop(loaded.DrainTimeout, signals))
}

// startUnless starts the server, or gives that up at a signal: then there is neither a
// server nor an error. The server needs ctx for as long as it runs.
func startUnless(ctx context.Context, cancel func(), signals <-chan os.Signal, loaded *settings.Loaded, logger *slog.Logger) (*server, error) {
	type started struct {
		s   *server
		err error
	}
	done := make(chan started, 1)
	go func() {
		s, err := startServer(ctx, loaded, logger, newExposition())
		done <- started{s, err}
	}()
	select {
	case r := <-done:
		return r.s, r.err
	case sig := <-signals:
		logger.Info("stopping before the node has started", "signal", sig.String())
		cancel()
		if r := <-done; r.s != nil {
			r.s.close()
		}
		return nil, nil
	}
}

// announce tells what a newcomer and an operator have to know.
func announce(logger *slog.Logger, loaded *settings.Loaded, url string) {
	if loaded.JWT == nil {
		logger.Warn("no authentication: everyone on this machine may subscribe and publish, and nobody else can connect")
		for _, o := range loaded.Origins {
			if o == "*" {
				logger.Warn("origins is *: every web page opened on this machine may subscribe and publish too")
			}
		}
	}
	announceBackends(logger, loaded)
	logger.Info("node is serving: open the url in a browser", "url", url)
}

func announceBackends(logger *slog.Logger, loaded *settings.Loaded) {
	schema, _ := schemaOf(loaded) // "" only without Postgres
	switch redis, postgres := shownRedis(loaded), shownPostgres(loaded); {
	case redis != "":
		logger.Info("cluster over Redis: nodes with the same backend and prefix are one", "backend", redis, "prefix", loaded.Prefix)
		if postgres != "" {
			logger.Info("Postgres keeps the history of topics whose store is postgres", "backend", postgres, "schema", schema)
		}
	case postgres != "":
		logger.Info("cluster over Postgres: nodes with the same backend and schema are one", "backend", postgres, "schema", schema)
	default:
		logger.Info("all in memory: a cluster of one")
	}
}

// shownRedis and shownPostgres are where the backends are, without secrets; "" for none.
func shownRedis(loaded *settings.Loaded) string {
	if loaded.Redis == "" {
		return ""
	}
	return redisconn.Redact(loaded.Redis)
}

func shownPostgres(loaded *settings.Loaded) string { return settings.ShownPostgres(loaded.Postgres) }

// signals returns what Main has, or the process's own.
func (m *Main) signals() (<-chan os.Signal, func()) {
	if m.Signals != nil {
		return m.Signals, func() {}
	}
	own := make(chan os.Signal, 2)
	signal.Notify(own, syscall.SIGINT, syscall.SIGTERM)
	return own, func() { signal.Stop(own) }
}

// wait returns when the node is to stop; with an error if it failed by itself.
func (s *server) wait(ctx context.Context, signals <-chan os.Signal) error {
	select {
	case sig := <-signals:
		s.logger.Info("stopping; a second signal ends the node at once", "signal", sig.String())
		return nil
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

var errSecondSignal = errors.New("ended at once by a second signal; clients were not told")

// stop drains within the timeout. A second signal cuts it short.
func (s *server) stop(timeout time.Duration, signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.drain(ctx) }()
	select {
	case err := <-done:
		return err
	case <-signals:
		cancel()
		s.close()
		if err := <-done; err != nil {
			s.logger.Debug("stop was cut short", "err", err)
		}
		return errSecondSignal
	}
}
