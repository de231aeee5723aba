package redistest

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

// A Server is a redis-server process of a test. It must not be stopped, run or
// restarted by several goroutines at once.
type Server struct {
	port     int
	dir      string
	args     []string // settings
	bare     []string // a Sentinel's whole command line, else nil
	password string

	mu      sync.Mutex
	process *proctest.Process // nil while stopped
}

// Start starts a server that ends with the test. Further arguments are settings
// as on redis-server's command line. Without redis-server the test fails. Where a
// password is set by --requirepass, it is part of URL.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, func(int) []string { return args })
}

// start draws ports until one is really free.
func start(t testing.TB, argsFor func(port int) []string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	t.Cleanup(func() { s.end(t) })
	for range 20 {
		s.port = freePort(t)
		s.args = argsFor(s.port)
		if i := slices.Index(s.args, "--requirepass"); i >= 0 && i+1 < len(s.args) {
			s.password = s.args[i+1]
		}
		if s.launch(t) {
			return s
		}
	}
	t.Fatal("redistest: others took every port that was free")
	return nil
}

// URL is what a node is given to use it.
func (s *Server) URL() string {
	if s.password != "" {
		return "redis://:" + s.password + "@" + s.Addr()
	}
	return "redis://" + s.Addr()
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Dir is the folder with the server's data.
func (s *Server) Dir() string { return s.dir }

// Client is a client of the test's own, closed with the test.
func (s *Server) Client(t testing.TB) *redis.Client {
	c := s.client()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *Server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password})
}

// Restart ends the server and starts it again on the same port, with the data it
// has or without any.
func (s *Server) Restart(t testing.TB, withData bool) {
	t.Helper()
	s.Stop(t, withData)
	s.Run(t)
}

// Stop ends it; Run starts it again, with the data it has now if save is set, else
// without any.
func (s *Server) Stop(t testing.TB, save bool) {
	t.Helper()
	s.Resume()
	c := s.client()
	defer c.Close()
	if save {
		if err := c.Save(t.Context()).Err(); err != nil {
			t.Fatalf("redistest: save: %v", err)
		}
	} else if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatalf("redistest: flush: %v", err)
	}
	s.Kill()
	for _, file := range []string{"test.rdb", "appendonlydir"} {
		if save {
			break
		}
		if err := os.RemoveAll(filepath.Join(s.dir, file)); err != nil {
			t.Fatalf("redistest: %v", err)
		}
	}
}

// Kill ends it as kill -9 does. Run starts it again with what it had on disk.
func (s *Server) Kill() {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p != nil {
		p.Kill()
	}
}

// Run starts a server that was stopped, and returns when it takes connections.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	if !s.launch(t) {
		t.Fatalf("redistest: somebody took port %d while its server was stopped", s.port)
	}
}

// Pause stops the process without ending it; Resume lets it go on.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume is described at Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// KillClients closes every connection but the caller's own.
func (s *Server) KillClients(t testing.TB) {
	t.Helper()
	c := s.client()
	defer c.Close()
	for _, kind := range []string{"normal", "pubsub"} {
		if err := c.ClientKillByFilter(t.Context(), "TYPE", kind, "SKIPME", "yes").Err(); err != nil {
			t.Fatalf("redistest: client kill: %v", err)
		}
	}
}

// Log is the end of what the server said since it was started last.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return "(stopped)"
	}
	return s.process.Log()
}

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.Signal(sig)
	}
}

// launch reports false if the port is somebody else's.
func (s *Server) launch(t testing.TB) bool {
	t.Helper()
	args := s.bare
	if args == nil {
		args = s.plain()
	}
	p := launch(t, s.dir, args)
	s.mu.Lock()
	s.process = p // so that it ends with the test even if it does not come up
	s.mu.Unlock()
	if ready(t, p) {
		return true
	}
	s.Kill()
	return false
}

func (s *Server) end(t testing.TB) {
	if t.Failed() {
		t.Logf("redis-server on %s said:\n%s", s.Addr(), s.Log())
	}
	s.Kill()
}
