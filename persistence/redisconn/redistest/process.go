package redistest

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The guard is the server's parent. It kills the server when its standard input
// ends, and that ends with the test's process, however that comes about.
const guard = `"$@" </dev/null >&2 & p=$!; echo $p; exec >/dev/null 2>&1; read -r _; kill -9 $p; wait $p`

// A process is a running redis-server with its guard.
type process struct {
	guard *exec.Cmd
	stdin io.Closer
	pid   int
	out   *output
}

func launch(t testing.TB, args []string) *process {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server 7; install it with: apt-get install redis-server (make test does that)")
	}
	p := &process{out: &output{}}
	p.guard = exec.Command("sh", append([]string{"-c", guard, "guard", binary}, args...)...)
	p.guard.Stderr = p.out
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the test is no signal for the server
	if p.pid, err = p.begin(); err != nil {
		t.Fatalf("redistest: start: %v", err)
	}
	return p
}

func (p *process) begin() (pid int, err error) {
	if p.stdin, err = p.guard.StdinPipe(); err != nil {
		return 0, err
	}
	stdout, err := p.guard.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err = p.guard.Start(); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		p.kill()
		return 0, fmt.Errorf("guard: %w", err)
	}
	return pid, nil
}

// kill ends the server at once and returns when it is gone.
func (p *process) kill() {
	_ = p.stdin.Close()
	_ = p.guard.Wait()
}

func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(p.pid, s) }

// ready waits until the server takes connections, and reports false if its port
// is somebody else's.
func (p *process) ready(t testing.TB) bool {
	t.Helper()
	taken := false
	Eventually(t, 20*time.Second, "redis-server comes up", func() error {
		text := p.out.String()
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

// An output keeps the end of what a server said.
type output struct {
	mu   sync.Mutex
	text []byte
}

const maxOutput = 64 << 10

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if over := len(o.text) - maxOutput; over > 0 {
		o.text = append(o.text[:0], o.text[over:]...)
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
