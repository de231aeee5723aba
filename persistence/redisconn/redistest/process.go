package redistest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

func launch(t testing.TB, dir string, args []string) *proctest.Process {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server 7; install it with: apt-get install redis-server (make test does that)")
	}
	p, err := proctest.Launch(proctest.Command{Path: binary, Args: args, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatalf("redistest: start: %v", err)
	}
	return p
}

// ready waits until the server takes connections, and reports false if its port
// is somebody else's.
func ready(t testing.TB, p *proctest.Process) bool {
	t.Helper()
	taken := false
	Eventually(t, 20*time.Second, "redis-server comes up", func() error {
		text := p.Log()
		if taken = strings.Contains(text, "Failed listening on port"); taken {
			return nil
		}
		for _, sign := range []string{"Ready to accept connections", "Sentinel ID is"} {
			if strings.Contains(text, sign) {
				return nil
			}
		}
		return fmt.Errorf("it said:\n%s", text)
	})
	return !taken
}
