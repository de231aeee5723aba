package proctest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// The guard is the server's parent. When its standard input ends, which it does with the test's process
// however that comes about, it ends the server: with the signal that was named, and with -9 if there is none, if it
// was told to kill, or if that takes longer than 10 seconds. What is stopped is continued first, also its children. It
// heeds no SIGHUP, which the system sends where a parent dies and something beside it is stopped.
const guard = `log=$1 polite=$2; shift 2; trap : HUP; : >"$log"
"$@" </dev/null >>"$log" 2>&1 & p=$!; echo $p; exec >/dev/null 2>&1
how=; read -r how
if [ "$how" = kill ] || [ -z "$polite" ]; then kill -9 $p; wait $p; exit; fi
kill -s CONT $p $(cat /proc/$p/task/$p/children); kill -s "$polite" $p
(sleep 10; kill -9 $p) & w=$!
wait $p; kill $w`

// A Command says what Launch starts.
type Command struct {
	Path string
	Args []string
	Env  []string            // beside the test's own
	Dir  string              // in which it runs; "": the test's
	As   *syscall.Credential // whom it runs as; nil: the test's user
	Log  string              // the file that takes what it says; it is emptied first
	Quit string              // the signal that ends it in order, such as QUIT; "": none does
}

// A Process is a running server with its guard. Its methods may be called from any goroutine, but
// only one may end it. It holds no goroutine.
type Process struct {
	guard *exec.Cmd
	stdin io.WriteCloser
	pid   int
	log   string
}

// Launch starts a server, which ends with the test's process if not before.
func Launch(c Command) (*Process, error) {
	p := &Process{log: c.Log}
	p.guard = exec.Command("sh", append([]string{"-c", guard, "guard", c.Log, c.Quit, c.Path}, c.Args...)...)
	p.guard.Env = append(os.Environ(), c.Env...)
	p.guard.Dir = c.Dir
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.As} // an interrupt of the test is no signal for the server
	var err error
	if p.stdin, err = p.guard.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.guard.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = p.guard.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		p.pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("guard: %w", err)
	}
	return p, nil
}

// PID is the server's process.
func (p *Process) PID() int { return p.pid }

// Signal sends the server a signal.
func (p *Process) Signal(s syscall.Signal) { _ = syscall.Kill(p.pid, s) }

// Kill ends the server as kill -9 does, and returns when it is gone.
func (p *Process) Kill() {
	_, _ = io.WriteString(p.stdin, "kill\n")
	p.End()
}

// End ends the server with the signal of its Command, or else as Kill does, and returns when it is gone.
func (p *Process) End() {
	_ = p.stdin.Close()
	_ = p.guard.Wait()
}

const maxLog = 64 << 10

// Log is the end of what the server said, 64 KiB at most.
func (p *Process) Log() string {
	f, err := os.Open(p.log)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-maxLog), io.SeekStart)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(text)
}
