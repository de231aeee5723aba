//go:build linux

package proc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopWithin is how long a server has to end by itself before it is killed.
const stopWithin = 5 * time.Second

// A Command is how to start a server.
type Command struct {
	Path string
	Args []string
	Env  []string // added to this process' own
	Dir  string   // to run in, "" for this process' own

	User *syscall.Credential // nil for this process' own
	End  os.Signal           // how it is asked to end, nil for SIGTERM
}

// A Process is a server that was started. Stop it.
type Process struct {
	cmd    *exec.Cmd
	end    os.Signal
	output *tail
	ended  chan struct{} // closed when the process is gone
	err    error         // what Wait said; read after ended
}

// Start runs the command. It ends with ctx, too.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, c.Path, c.Args...), output: &tail{}, ended: make(chan struct{}), end: cmp.Or(c.End, os.Signal(syscall.SIGTERM))}
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: c.User}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", c.Path, err)
	}
	go func() { // ends with the process, which Stop waits for
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the process' number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait returns when the process has ended by itself, with what it printed last
// if it failed.
func (p *Process) Wait() error {
	<-p.ended
	if p.err != nil {
		return fmt.Errorf("proc: %s: %w: %s", p.cmd.Path, p.err, p.output)
	}
	return nil
}

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output is the end of what the process printed.
func (p *Process) Output() string { return p.output.String() }

// Ready returns when the address accepts and the URL answers 200, or with an
// error that quotes the server when it ended first or ctx did.
func (p *Process) Ready(ctx context.Context, url string) error {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		if answers(ctx, url) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("proc: %s ended before it was ready: %s", p.cmd.Path, p.output)
		case <-ctx.Done():
			return fmt.Errorf("proc: %s is not ready: %w: %s", p.cmd.Path, context.Cause(ctx), p.output)
		case <-retry.C:
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// client keeps no connection open: a server under test has the benchmark's
// connections and no others.
var client = &http.Client{
	Timeout:   5 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil},
}

// Stop asks the process to end, kills it when it does not, and returns when it
// is gone.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(p.end) // fails only if it is gone
	late := time.AfterFunc(stopWithin, func() { p.Kill() })
	<-p.ended
	late.Stop()
}

// Kill ends the process at once. Wait for it with Stop.
func (p *Process) Kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return // nothing else could be done about it
	}
}

// FreeAddress returns a loopback address that nobody listens on at the moment.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("proc: find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// LastingAddress returns a loopback address that nobody listens on and that no
// outgoing connection will be given: a server can be stopped and come back there.
// A port from the range of outgoing ones may be taken meanwhile, by a client
// that dials the server and, finding nobody, meets itself.
func LastingAddress(ctx context.Context) (string, error) {
	const lowest, ports, tries = 20_000, 10_000, 100
	var last error
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(ports)))
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("proc: find a lasting port: %w", last)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if extra := t.buf.Len() - tailSize; extra > 0 {
		t.buf.Next(extra)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf.Bytes()))
}
