//go:build linux

package pgd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgbin"
)

const (
	startWithin = 30 * time.Second // with the recovery after a kill
	callWithin  = 5 * time.Second
)

// A Server is a PostgreSQL server that was started. Stop it. Its methods belong to one
// goroutine, except Exec and what is made of it, which may be called from any.
type Server struct {
	binary  string
	address string
	args    []string
	user    *syscall.Credential
	process *proc.Process
}

// Start makes a server with the defaults of PostgreSQL whose data are in a new folder in dir, and
// returns when it answers. Settings are given as name=value, and win. The server ends with ctx, too.
// It can be reached without a password, from this machine only.
func Start(ctx context.Context, dir string, settings ...string) (*Server, error) {
	s := &Server{}
	initdb, err := pgbin.Program("initdb")
	if err != nil {
		return nil, fmt.Errorf("pgd: %w", err)
	}
	if s.binary, err = pgbin.Program("postgres"); err != nil {
		return nil, fmt.Errorf("pgd: %w", err)
	}
	if s.user, err = pgbin.User(); err != nil {
		return nil, fmt.Errorf("pgd: %w", err)
	}
	data, err := s.folder(dir)
	if err != nil {
		return nil, fmt.Errorf("pgd: %w", err)
	}
	if err := s.initialize(ctx, initdb, data); err != nil {
		return nil, err
	}
	if s.address, err = proc.LastingAddress(ctx); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return nil, fmt.Errorf("pgd: %w", err)
	}
	s.args = []string{"-D", data, "-h", host, "-p", port, "-c", "unix_socket_directories=", "-c", "log_min_messages=warning"}
	for _, setting := range settings {
		s.args = append(s.args, "-c", setting)
	}
	return s, s.Run(ctx)
}

// folder is one that the server's user may write to, below dir.
func (s *Server) folder(dir string) (string, error) {
	data, err := os.MkdirTemp(dir, "postgres-")
	if err != nil || s.user == nil {
		return data, err
	}
	for d := dir; d != "/" && d != "." && d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&0o001 == 0 { // another user has to get through
			if err := os.Chmod(d, info.Mode().Perm()|0o001); err != nil {
				return "", err
			}
		}
	}
	return data, os.Chown(data, int(s.user.Uid), int(s.user.Gid))
}

func (s *Server) initialize(ctx context.Context, initdb, data string) error {
	p, err := proc.Start(ctx, proc.Command{Path: initdb, User: s.user, Dir: data,
		Args: []string{"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"}})
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		return fmt.Errorf("pgd: initdb: %w", err)
	}
	return nil
}

// Run starts a server again that was stopped.
func (s *Server) Run(ctx context.Context) (err error) {
	within, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		s.process, err = proc.Start(ctx, proc.Command{Path: s.binary, Args: s.args, User: s.user, Dir: "/", End: syscall.SIGINT})
		if err != nil {
			return fmt.Errorf("pgd: start: %w", err)
		}
		ready, why := s.ready(within, retry)
		switch {
		case ready:
			return nil
		case within.Err() == nil && strings.Contains(s.process.Output(), "shared memory"):
			continue // processes of a server that was killed have not noticed yet
		}
		s.Kill()
		return fmt.Errorf("pgd: not ready: %w: %s", why, s.process.Output())
	}
}

// ready waits until the server answers, or ends.
func (s *Server) ready(ctx context.Context, retry *time.Ticker) (ok bool, why error) {
	for {
		if why = s.Exec(ctx, "select 1"); why == nil {
			return true, nil
		}
		select {
		case <-retry.C:
		case <-s.process.Ended():
			return false, why
		case <-ctx.Done():
			return false, errors.Join(why, ctx.Err())
		}
	}
}

// Address is host:port. It stays the same.
func (s *Server) Address() string { return s.address }

// URL is what a node is given to use the server.
func (s *Server) URL() string {
	return "postgres://postgres@" + s.address + "/postgres?sslmode=disable"
}

// Stop ends the server in order, and returns when it is gone.
func (s *Server) Stop() { s.process.Stop() }

// Kill ends the server at once, and returns when it is gone. Its further processes end when they notice.
func (s *Server) Kill() {
	s.process.Kill()
	s.process.Stop()
}

// CPU is the time that the server and its processes have spent, user and system, as long as they live.
func (s *Server) CPU() (time.Duration, error) { return proc.TreeCPU(s.process.PID()) }

// Exec runs a statement over a connection of its own.
func (s *Server) Exec(ctx context.Context, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return fmt.Errorf("pgd: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("pgd: %w", err)
	}
	return nil
}

// CutClients closes every connection but its own.
func (s *Server) CutClients(ctx context.Context) error {
	return s.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
}
