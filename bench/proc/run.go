//go:build linux

package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Run runs a command to its end and returns what it wrote to standard output
// and the CPU time it took. The error quotes what it wrote to standard error.
func Run(ctx context.Context, c Command) (output []byte, cpu time.Duration, err error) {
	var stdout bytes.Buffer
	var stderr tail
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return nil, 0, fmt.Errorf("proc: %s: %w: %s", c.Path, err, &stderr)
	}
	state := cmd.ProcessState
	return stdout.Bytes(), state.UserTime() + state.SystemTime(), nil
}
