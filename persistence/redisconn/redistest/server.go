package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Server is a redis-server process of a test.
type Server struct {
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

// Start starts a server that ends with the test. Further arguments are settings
// as on redis-server's command line. Without redis-server the test fails.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{port: freePort(t), dir: t.TempDir(), args: args}
	s.run(t)
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	return s
}

// URL is what a node is given to use it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Client is a client of the test's own, closed with the test.
func (s *Server) Client(t testing.TB) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Restart ends the server and starts it again on the same port, with the data it
// had saved or without any.
func (s *Server) Restart(t testing.TB, withData bool) {
	t.Helper()
	s.Stop(t, withData)
	s.run(t)
}

// Stop ends it; Run starts it again.
func (s *Server) Stop(t testing.TB, save bool) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	if save {
		if err := c.Save(t.Context()).Err(); err != nil {
			t.Fatalf("redistest: save: %v", err)
		}
	} else if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatalf("redistest: flush: %v", err)
	}
	s.stop(syscall.SIGKILL)
}

// Run starts a server that was stopped.
func (s *Server) Run(t testing.TB) { t.Helper(); s.run(t) }

// Pause stops the process without ending it; Resume lets it go on.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume is described at Pause.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// KillClients closes every connection but the caller's own.
func (s *Server) KillClients(t testing.TB) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	for _, kind := range []string{"normal", "pubsub"} {
		if err := c.ClientKillByFilter(t.Context(), "TYPE", kind, "SKIPME", "yes").Err(); err != nil {
			t.Fatalf("redistest: client kill: %v", err)
		}
	}
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server 7; install it with: apt-get install redis-server (make test does that)")
	}
	args := append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--dbfilename", "test.rdb", "--daemonize", "no"}, s.args...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("redistest: start: %v", err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer c.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err = c.Ping(t.Context()).Err(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.stop(syscall.SIGKILL)
			t.Fatalf("redistest: redis-server did not come up: %v\n%s", err, s.out.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *Server) stop(sig syscall.Signal) {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait()
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(fmt.Errorf("redistest: %w", err))
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
