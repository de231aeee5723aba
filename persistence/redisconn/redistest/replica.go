package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartReplica starts a server that follows a master, and returns when it has the
// master's data and hears of what is new.
func StartReplica(t testing.TB, master *Server, args ...string) *Server {
	t.Helper()
	all := []string{"--replicaof", fmt.Sprintf("127.0.0.1 %d", master.port), "--repl-diskless-sync-delay", "0"}
	if master.password != "" {
		all = append(all, "--masterauth", master.password, "--requirepass", master.password)
	}
	s := Start(t, append(all, args...)...)
	c := s.client()
	defer c.Close()
	Eventually(t, 20*time.Second, "the replica follows its master", func() error {
		info, err := c.Info(t.Context(), "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = fmt.Errorf("it says:\n%s", info)
		}
		return err
	})
	return s
}

// StartSentinel starts a Sentinel that watches a master under a name. One is
// enough to fail over, after about 1 second.
func StartSentinel(t testing.TB, master *Server, name string) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\nsentinel down-after-milliseconds %[1]s 1000\n", name, master.port)
	if master.password != "" {
		conf += fmt.Sprintf("sentinel auth-pass %s %s\n", name, master.password)
	}
	s := &Server{dir: t.TempDir()}
	t.Cleanup(func() { s.end(t) })
	for range 20 {
		s.port = freePort(t)
		head := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n", s.port, s.dir)
		if err := os.WriteFile(file, []byte(head+conf), 0o600); err != nil {
			t.Fatalf("redistest: sentinel: %v", err)
		}
		s.bare = []string{file, "--sentinel"}
		if s.launch(t) {
			return s
		}
	}
	t.Fatal("redistest: others took every port that was free")
	return nil
}

// Port is where it listens.
func (s *Server) Port() int { return s.port }

// plain are the settings that every server but a Sentinel is given.
func (s *Server) plain() []string {
	return append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--dbfilename", "test.rdb", "--daemonize", "no"}, s.args...)
}
