package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Stop ends the server in order: its clients are told, and what is under way is rolled back. Run starts it again.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.Resume()
	p := s.take()
	if p == nil {
		t.Fatal("pgtest: the server is stopped already")
	}
	p.Signal(syscall.SIGINT)
	Eventually(t, 30*time.Second, "PostgreSQL stops", func() error {
		if gone(p.PID()) {
			return nil
		}
		return os.ErrDeadlineExceeded
	})
	p.End()
}

// Kill ends all its processes as kill -9 does. Run starts it again with what it had on disk.
func (s *Server) Kill() {
	p := s.take()
	if p == nil {
		return
	}
	p.Signal(syscall.SIGSTOP) // it starts no others
	family := children(p.PID())
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	p.Kill()
	for _, pid := range family {
		for tick := time.NewTicker(time.Millisecond); !gone(pid); <-tick.C { //nolint:staticcheck // it ends soon
		}
	}
}

// Run starts a server that was stopped or killed, or ended by itself, and returns when it takes connections.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	if pid := s.PID(); pid != 0 && !gone(pid) {
		t.Fatal("pgtest: the server runs already")
	} else if pid != 0 {
		s.take().End()
	}
	if !s.launch(t) {
		t.Fatalf("pgtest: somebody took port %d while its server was stopped", s.port)
	}
}

// Pause stops all processes without ending them: connections stay open, and nobody answers. Resume lets them go on.
func (s *Server) Pause() { s.signalAll(syscall.SIGSTOP) }

// Resume is described at Pause.
func (s *Server) Resume() { s.signalAll(syscall.SIGCONT) }

func (s *Server) signalAll(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return
	}
	if sig == syscall.SIGSTOP {
		s.process.Signal(sig) // the parent first, so that it starts no others
	}
	for _, pid := range children(s.process.PID()) {
		_ = syscall.Kill(pid, sig)
	}
	s.process.Signal(sig)
}

// freeMemory gives back what a killed server could not: the small piece of shared memory that tells the
// next one of it.
func (s *Server) freeMemory() {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return // it ended in order
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return
	}
	if key := strings.Fields(lines[6]); len(key) == 2 {
		_ = exec.Command("ipcrm", "-m", key[1]).Run()
	}
}

// children are the processes that a process has started.
func children(parent int) []int {
	var found []int
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		state, ppid := stat(file)
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && ppid == parent && state != "Z" {
			found = append(found, pid)
		}
	}
	return found
}

// gone reports whether a process has ended, also if nobody has asked how.
func gone(pid int) bool {
	state, _ := stat("/proc/" + strconv.Itoa(pid) + "/stat")
	return state == "" || state == "Z"
}

// stat are a process' state and parent, "" if there is none.
func stat(file string) (state string, parent int) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}
