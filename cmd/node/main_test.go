package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir := binaryDir.Load(); dir != nil {
			_ = os.RemoveAll(*dir)
		}
		os.Exit(code)
	}))
}

// patience bounds what a test waits for on a busy machine.
const patience = 30 * time.Second

// output collects what a program writes while tests look at it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// a program is a Main at work.
type program struct {
	url            string
	stdout, stderr output
	signals        chan os.Signal
	code           chan int
}

// run runs a command to its end and returns the exit code and what it wrote.
func run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs output
	m := &Main{Args: args, Env: env, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code = m.Run(ctx)
	return code, out.String(), errs.String()
}

// serve starts a node on a free port and stops it when the test ends.
func serve(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{signals: make(chan os.Signal, 2), code: make(chan int, 1)}
	ready := make(chan string, 1)
	m := &Main{
		Args: append([]string{"--listen", "127.0.0.1:0", "--log-format", "text"}, args...),
		Env:  env, Stdout: &p.stdout, Stderr: &p.stderr, Signals: p.signals,
		Serving: func(url string) { ready <- url },
	}
	go func() { p.code <- m.Run(context.Background()) }()
	select {
	case p.url = <-ready:
	case code := <-p.code:
		t.Fatalf("the node ended with %d:\n%s", code, &p.stderr)
	case <-time.After(patience):
		t.Fatal("the node does not serve")
	}
	t.Cleanup(func() {
		p.signals <- syscall.SIGTERM
		p.ended(t)
		if t.Failed() {
			t.Logf("the node said:\n%s", &p.stderr)
		}
	})
	return p
}

// ended waits for the exit code, which later calls see again.
func (p *program) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.code:
		p.code <- code
		return code
	case <-time.After(patience):
		t.Errorf("the node does not end:\n%s", &p.stderr)
		return -1
	}
}

// get asks a path and returns status and body. Connections are not kept, so
// that none outlives the test.
func get(t *testing.T, url string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// client is a WebSocket that speaks the protocol in the raw.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string, opts *websocket.DialOptions) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/ws", opts)
	if err != nil {
		status := ""
		if resp != nil {
			status = resp.Status
		}
		t.Fatalf("dial: %v (%s)", err, status)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	c := &client{t, ws}
	c.expect(`"type":"welcome"`)
	return c
}

func (c *client) send(frame string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// expect reads until a frame has the text, and returns it.
func (c *client) expect(text string) map[string]any {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for {
		_, frame, err := c.ws.Read(ctx)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", text, err)
		}
		if bytes.Contains(frame, []byte(text)) {
			var f map[string]any
			if err := json.Unmarshal(frame, &f); err != nil {
				c.t.Fatalf("frame %s: %v", frame, err)
			}
			return f
		}
	}
}

// closed reads until the connection ends, and returns the close code.
func (c *client) closed() websocket.StatusCode {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := c.ws.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// binaryDir is what TestMain removes; nil if no test needed the binary.
var binaryDir atomic.Pointer[string]

// binary builds the command once for all tests that need a real process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "troupe-node-test")
	if err != nil {
		return "", err
	}
	binaryDir.Store(&dir)
	name := filepath.Join(dir, "node")
	out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", &buildError{err, string(out)}
	}
	return name, nil
})

type buildError struct {
	err  error
	said string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.said }

// file writes a file for one test and returns its name.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
