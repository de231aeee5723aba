package pgtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

// A Server is a PostgreSQL server of a test. It must not be stopped, killed or run by several goroutines at once.
type Server struct {
	port     int
	dir      string // with data, log, and the sign of a full disk
	cred     *syscall.Credential
	settings []string // name=value
	env      []string
	shared   bool
	disk     bool // FillDisk works

	mu      sync.Mutex
	process *proctest.Process // nil while it is stopped
}

// Start starts a server that ends with the test. Settings are as in postgresql.conf, such as
// "max_connections=20". Without PostgreSQL the test fails.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir, cred := newFolder(t)
	s := &Server{dir: dir, cred: cred, settings: settings}
	t.Cleanup(func() { s.end(t) })
	s.start(t)
	return s
}

// Standby starts a server that is a standby, as it were of one that is gone: it has the database postgres and takes no writes.
func Standby(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir, cred := newFolder(t)
	s := &Server{dir: dir, cred: cred, settings: settings}
	t.Cleanup(func() { s.end(t) })
	sign := filepath.Join(s.data(), "standby.signal")
	err := os.WriteFile(sign, nil, 0o600)
	if err == nil {
		err = own(sign, cred)
	}
	if err != nil {
		t.Fatalf("pgtest: standby: %v", err)
	}
	s.start(t)
	return s
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.Exec(t, "select pg_promote(true, 30)")
}

var (
	sharing sync.Mutex
	shared  *Server
)

// Shared is a server that all tests of the process share. No test may stop it, kill its clients,
// or wait for it to be idle.
func Shared(t testing.TB) *Server {
	t.Helper()
	sharing.Lock()
	defer sharing.Unlock()
	if shared == nil {
		dir, cred := newFolder(t)
		s := &Server{dir: dir, cred: cred, shared: true}
		s.start(t)
		shared = s
	}
	s := shared
	t.Cleanup(func() { s.showLog(t, 8<<10) })
	return s
}

// start draws ports until one is really free.
func (s *Server) start(t testing.TB) {
	t.Helper()
	for range 20 {
		s.port = proctest.FreePort(t)
		if s.launch(t) {
			return
		}
	}
	t.Fatal("pgtest: others took every port that was free")
}

// launch reports false if the port is somebody else's.
func (s *Server) launch(t testing.TB) bool {
	t.Helper()
	args := []string{"-D", s.data()}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=", "max_connections=100",
		"dynamic_shared_memory_type=mmap", // in its folder, and so it goes with it
		"log_line_prefix=%m [%p] %a: ", "log_timezone=UTC", "lc_messages=C", "log_checkpoints=off",
	}, s.settings...) {
		args = append(args, "-c", setting)
	}
	p, err := proctest.Launch(proctest.Command{Path: program(t, "postgres"), Args: args, Env: s.env, Dir: s.dir, As: s.cred,
		Log: filepath.Join(s.dir, "log"), Quit: "QUIT"})
	if err != nil {
		t.Fatalf("pgtest: start: %v", err)
	}
	s.mu.Lock()
	s.process = p // so that it ends with the test even if it does not come up
	s.mu.Unlock()
	taken := false
	Eventually(t, time.Minute, "PostgreSQL comes up", func() error {
		text := p.Log()
		taken = strings.Contains(text, "could not create any TCP/IP sockets")
		if taken || strings.Contains(text, "ready to accept ") {
			return nil
		}
		return fmt.Errorf("it said:\n%s", text)
	})
	if taken {
		s.take().Kill()
	}
	return !taken
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Addr is host:port, the same all the time.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is of the database postgres, as superuser.
func (s *Server) URL() string { return s.url("postgres") }

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable", Password, s.Addr(), database)
}

// PID is the server's first process, 0 while it is stopped.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.PID()
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

func (s *Server) showLog(t testing.TB, most int) {
	if t.Failed() {
		text := s.Log()
		t.Logf("PostgreSQL on %s said:\n%s", s.Addr(), text[max(0, len(text)-most):])
	}
}

// take returns the process, and forgets it.
func (s *Server) take() *proctest.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.process
	s.process = nil
	return p
}

func (s *Server) end(t testing.TB) {
	s.showLog(t, 32<<10)
	s.Resume()
	if p := s.take(); p != nil {
		p.End()
	} else {
		s.freeMemory()
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Logf("pgtest: %v", err)
	}
}
