package proctest_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/proctest"
)

func TestPorts(t *testing.T) {
	t.Parallel()
	for range 20 {
		port := proctest.FreePort(t, 10000)
		if port < 12000 || port >= 22000 {
			t.Errorf("port %d", port)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Logf("%v: somebody was faster", err)
			continue
		}
		_ = l.Close()
	}
}

// polite says when it was told to end, and then does.
const polite = `trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done`

func start(t *testing.T, script, quit string) *proctest.Process {
	t.Helper()
	p, err := proctest.Launch(proctest.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"A=b"}, Dir: t.TempDir(),
		Log: filepath.Join(t.TempDir(), "log"), Quit: quit})
	if err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, 10*time.Second, "it is ready", func() error {
		if !strings.Contains(p.Log(), "ready") {
			return errors.New(p.Log())
		}
		return nil
	})
	return p
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quit string
		end  func(*proctest.Process)
		told bool
	}{
		"in order":         {"TERM", (*proctest.Process).End, true},
		"while stopped":    {"TERM", func(p *proctest.Process) { p.Signal(syscall.SIGSTOP); p.End() }, true},
		"killed":           {"TERM", (*proctest.Process).Kill, false},
		"knows no signal":  {"", (*proctest.Process).End, false},
		"killed, has none": {"", (*proctest.Process).Kill, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, polite, c.quit)
			c.end(p)
			if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("it is there: %v", err)
			}
			if told := strings.Contains(p.Log(), "told"); told != c.told {
				t.Errorf("told %t, want %t", told, c.told)
			}
		})
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	p := start(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i of very many that it says"; i=$((i+1)); done; echo ready $A; exec sleep 60`, "")
	defer p.End()
	if text := p.Log(); len(text) > 64<<10 || !strings.HasSuffix(text, "ready b\n") {
		t.Errorf("%d bytes, end %q", len(text), text[max(0, len(text)-50):])
	}
	if _, err := proctest.Launch(proctest.Command{Path: "/bin/sh", Dir: "/no/such/folder", Log: "/dev/null"}); err == nil {
		t.Error("it was started nowhere")
	}
}

// The test's own binary, started again by TestEndsWithTheTestsProcess.
func TestHelperThatIsKilled(t *testing.T) {
	if os.Getenv("PROCTEST_HELPER") == "" {
		t.Parallel()
		return // an ordinary run
	}
	p := start(t, polite, "TERM")
	fmt.Printf("pid %d\n", p.PID())
	select {}
}

func TestEndsWithTheTestsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	helper := exec.Command(os.Args[0], "-test.run", "^TestHelperThatIsKilled$")
	helper.Env = append(os.Environ(), "PROCTEST_HELPER=1", "TMPDIR="+dir)
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "pid %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	proctest.Eventually(t, 10*time.Second, "the server is gone", func() error {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return nil //nolint:nilerr // no such process
		}
		return errors.New("it runs")
	})
	logs, _ := filepath.Glob(filepath.Join(dir, "*", "*", "log"))
	if len(logs) != 1 {
		t.Fatalf("logs %v", logs)
	}
	proctest.Eventually(t, 10*time.Second, "it was told", func() error {
		if text, err := os.ReadFile(logs[0]); err != nil || !strings.Contains(string(text), "told") {
			return fmt.Errorf("%q, %w", text, err)
		}
		return nil
	})
}
