//go:build linux

package redisd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"time"

	"github.com/troupe-rt/troupe/bench/proc"
)

const (
	startWithin = 10 * time.Second
	callWithin  = 5 * time.Second
)

// ErrMissing is returned by Start where redis-server is not installed.
var ErrMissing = errors.New("redisd: there is no redis-server here; install it with: apt-get install redis-server")

// A Server is a redis-server that was started. Stop it. Its methods belong to
// one goroutine, except Do and what is made of it, which may be called from any.
type Server struct {
	binary  string
	address string
	args    []string
	process *proc.Process
}

// Start starts a server without persistence whose data would be in dir, and
// returns when it answers. Further settings are given as on redis-server's
// command line, and win. The server ends with ctx, too.
func Start(ctx context.Context, dir string, settings ...string) (*Server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrMissing
	}
	address, err := proc.LastingAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("redisd: %w", err)
	}
	s := &Server{binary: binary, address: address, args: append([]string{
		"--bind", host, "--port", port, "--dir", dir, "--daemonize", "no",
		"--loglevel", "warning", "--save", "", "--appendonly", "no",
	}, settings...)}
	return s, s.Run(ctx)
}

// Run starts a server again that was stopped.
func (s *Server) Run(ctx context.Context) (err error) {
	if s.process, err = proc.Start(ctx, proc.Command{Path: s.binary, Args: s.args}); err != nil {
		return fmt.Errorf("redisd: start: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		// While it reads its data it answers, but with an error.
		if _, err = s.Do(within, "PING"); err == nil {
			return nil
		}
		select {
		case <-retry.C:
			continue
		case <-s.process.Ended():
		case <-within.Done():
		}
		s.Kill()
		return fmt.Errorf("redisd: not ready: %w: %s", err, s.process.Output())
	}
}

// Address is host:port. It stays the same.
func (s *Server) Address() string { return s.address }

// URL is what a node is given to use the server.
func (s *Server) URL() string { return "redis://" + s.address }

// Stop asks the server to end, which writes what its settings say, and returns
// when it is gone.
func (s *Server) Stop() { s.process.Stop() }

// Kill ends the server at once, and returns when it is gone.
func (s *Server) Kill() {
	s.process.Kill()
	s.process.Stop()
}

// Empty removes all data.
func (s *Server) Empty(ctx context.Context) error {
	_, err := s.Do(ctx, "FLUSHALL")
	return err
}

// CutClients closes every connection but its own.
func (s *Server) CutClients(ctx context.Context) error {
	for _, kind := range []string{"normal", "pubsub"} {
		if _, err := s.Do(ctx, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"); err != nil {
			return err
		}
	}
	return nil
}
