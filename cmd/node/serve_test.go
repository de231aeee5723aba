package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestDefaultsServe(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	for _, want := range []string{"no authentication", "open the url in a browser", "url=" + p.url} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("does not say %q:\n%s", want, &p.stderr)
		}
	}
	for path, want := range map[string]string{
		"/": "<!doctype html>", "/troupe.js": "", "/healthz": "alive", "/readyz": "ready", "/metrics": "troupe_", "/stats": `"node":`,
	} {
		if status, body := get(t, p.url+path, nil); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	for _, path := range []string{"/nothing", "/ws/x", "/.git/config", "/debug/pprof/"} {
		if status, _ := get(t, p.url+path, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	a, b := dial(t, p.url, nil), dial(t, p.url, nil)
	a.send(`{"type":"subscribe","topic":"room:1","ref":1}`)
	a.expect(`"subscribed"`)
	b.send(`{"type":"publish","topic":"room:1","event":"said","data":{"text":"hi"},"ref":2}`)
	b.expect(`"published"`)
	if f := a.expect(`"said"`); f["seq"] != 1.0 {
		t.Errorf("event %v", f)
	}
}

func TestStatsCount(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--config", file(t, "t.yaml", "topics: [{match: '*'}]\n"))
	a := dial(t, p.url, nil)
	a.send(`{"type":"subscribe","topic":"room:1","ref":1}`)
	a.expect(`"subscribed"`)
	a.send(`{"type":"publish","topic":"room:1","event":"said","data":1,"ref":2}`)
	a.expect(`"said"`)
	var s struct {
		Node                            string
		Connections, Topics             int
		Published, Delivered, HeapBytes uint64
	}
	eventually(t, func() error {
		_, body := get(t, p.url+"/stats", nil)
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			return err
		}
		if s.Node == "" || s.Connections != 1 || s.Topics != 1 || s.Published != 1 || s.Delivered != 1 || s.HeapBytes == 0 {
			return fmt.Errorf("stats %+v", s)
		}
		return nil
	})
}

// eventually asks again until it is right: counters are told in rounds.
func eventually(t *testing.T, right func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := right()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// TestHostGuard shows that a page can not reach the node by a name of its own
// that stands for 127.0.0.1.
func TestHostGuard(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	port := p.url[strings.LastIndex(p.url, ":"):]
	for host, want := range map[string]int{
		"localhost" + port: 200, "127.0.0.1" + port: 200, "[::1]" + port: 200, "localhost": 200, "LocalHost." + port: 200,
		"evil.example" + port: 421, "evil.example": 421, "127.0.0.1.evil.example" + port: 421,
		"localhost.evil.example" + port: 421, "192.168.0.1" + port: 421, "0.0.0.0" + port: 421,
	} {
		for _, path := range []string{"/", "/ws", "/metrics", "/readyz"} {
			status, body := get(t, p.url+path, func(r *http.Request) { r.Host = host })
			refused := status == http.StatusMisdirectedRequest
			if refused != (want == 421) {
				t.Errorf("Host %s, path %s: %d, want %d", host, path, status, want)
			}
			if refused && !strings.Contains(body, "auth.jwt") {
				t.Errorf("the answer does not explain itself: %s", body)
			}
		}
	}
	_, resp, err := websocket.Dial(t.Context(), strings.Replace(p.url, "http", "ws", 1)+"/ws", &websocket.DialOptions{
		Host: "evil.example" + port, HTTPHeader: http.Header{"Origin": {"http://evil.example" + port}},
	})
	if err == nil || resp == nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a page of the same forged origin was let in: %v %v", err, resp)
	}
}

func TestOriginFromConfig(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--origins", "https://app.example")
	for origin, want := range map[string]int{"https://app.example": 101, "https://evil.example": 403} {
		ws, resp, err := websocket.Dial(t.Context(), strings.Replace(p.url, "http", "ws", 1)+"/ws",
			&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if resp == nil || resp.StatusCode != want {
			t.Errorf("origin %s: %v, %v", origin, resp, err)
		}
		if ws != nil {
			_ = ws.CloseNow()
		}
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, stderr := run(t, nil, "--listen", l.Addr().String())
	if code != exitFault || !strings.Contains(stderr, "another program listens on "+l.Addr().String()) {
		t.Errorf("code %d: %s", code, stderr)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	stay := dial(t, p.url, nil) // does not read, so the drain has to wait for it
	keep := &http.Client{Transport: &http.Transport{}}
	defer keep.CloseIdleConnections()
	p.signals <- syscall.SIGTERM
	eventually(t, func() error {
		resp, err := keep.Get(p.url + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("readyz answers %s", resp.Status)
		}
		return nil
	})
	if code := stay.closed(); code != websocket.StatusGoingAway {
		t.Errorf("close code %d", code)
	}
	if code := p.ended(t); code != exitFine {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--drain-timeout", "1h")
	dial(t, p.url, nil) // never answers the close
	p.signals <- syscall.SIGINT
	p.signals <- syscall.SIGINT
	if code := p.ended(t); code != exitFault || !strings.Contains(p.stderr.String(), "second signal") {
		t.Errorf("exit code %d", code)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs output
	m := &Main{Args: []string{"--listen", "127.0.0.1:0"}, Stdout: &out, Stderr: &errs, Serving: func(string) { cancel() }}
	if code := m.Run(ctx); code != exitFine {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
}

// process starts the real binary on an address and waits until it serves.
func process(t *testing.T, addr string, stderr *output) *exec.Cmd {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "--listen", addr, "--drain-timeout", "20s")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	eventually(t, func() error {
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, stderr)
		}
		return resp.Body.Close()
	})
	http.DefaultClient.CloseIdleConnections()
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestGracefulStop(t *testing.T) {
	t.Parallel()
	addr := freeAddress(t)
	var stderr output
	cmd := process(t, addr, &stderr)
	c := dial(t, "http://"+addr, nil)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != websocket.StatusGoingAway {
		t.Errorf("close code %d", code)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, &stderr)
	}
	// Not a terminal, so each line is JSON.
	for line := range strings.Lines(stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	addr := freeAddress(t)
	var stderr output
	const publish = `{"type":"publish","topic":"room:1","event":"said","data":1,"ref":1}`
	cmd := process(t, addr, &stderr)
	c := dial(t, "http://"+addr, nil)
	c.send(publish)
	before := c.expect(`"published"`)
	if err := cmd.Process.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	process(t, addr, &stderr)
	c = dial(t, "http://"+addr, nil)
	c.send(fmt.Sprintf(`{"type":"subscribe","topic":"room:1","since":%v,"epoch":%q,"ref":2}`, before["seq"], before["epoch"]))
	lost := c.expect(`"truncated"`)
	data, ok := lost["data"].(map[string]any)
	if !ok || data["epoch"] == before["epoch"] {
		t.Errorf("truncated %v after epoch %v", lost, before["epoch"])
	}
	c.send(publish)
	if after := c.expect(`"published"`); after["seq"] != 1.0 || after["epoch"] != data["epoch"] {
		t.Errorf("published %v after %v", after, data)
	}
}

// TestFileLimit starts the binary where few files may be open.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for limits, want := range map[string]string{
		"ulimit -n 512":                    `"limit":512`,
		"ulimit -Sn 64 && ulimit -Hn 1024": `"limit":1024`, // the soft limit is raised first
	} {
		var stderr output
		cmd := exec.Command("sh", "-c", limits+` && exec "$0" --listen 127.0.0.1:0`, name)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		eventually(t, func() error {
			if said := stderr.String(); !strings.Contains(said, "few open files") || !strings.Contains(said, want) {
				return fmt.Errorf("%s: said %s", limits, said)
			}
			return nil
		})
		eventually(t, func() error { // it serves all the same
			if !strings.Contains(stderr.String(), "node is serving") {
				return fmt.Errorf("said %s", &stderr)
			}
			return nil
		})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestEveryOriginIsAWarning(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--origins", "*")
	if !strings.Contains(p.stderr.String(), "every web page") {
		t.Errorf("no warning in\n%s", &p.stderr)
	}
}

// TestSignalWhileStarting ends a node that waits for a Redis which does not answer.
func TestSignalWhileStarting(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	var stdout, stderr output
	m := &Main{Args: []string{"--listen", "127.0.0.1:0", "--redis", "redis://" + silent.Addr().String()},
		Stdout: &stdout, Stderr: &stderr, Signals: signals}
	began := time.Now()
	code := m.Run(t.Context())
	if d := time.Since(began); code != 0 || d > 8*time.Second {
		t.Errorf("ended with %d after %s\n%s", code, d, &stderr)
	}
}
