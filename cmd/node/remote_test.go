package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func publish(t *testing.T, url string, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(t, []string{"TROUPE_URL=" + url}, append([]string{"publish"}, args...)...)
	if code != exitFine {
		t.Fatalf("publish %v: code %d\n%s", args, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

func TestPublish(t *testing.T) {
	t.Parallel()
	config := file(t, "t.yaml", "topics: [{match: 'quiet:*', history: {size: -1}}, {match: '*'}]")
	p := serve(t, nil, "--config", config)
	first := publish(t, p.url, "room:1", "msg", `{"text":"hi"}`, "--id", "a")
	if !strings.HasSuffix(first, "/1") {
		t.Errorf("position %q", first)
	}
	if again := publish(t, p.url, "room:1", "msg", `{"text":"hi"}`, "--id", "a"); again != first+" (published before with this id)" {
		t.Errorf("again: %q", again)
	}
	if quiet := publish(t, p.url, "quiet:1", "msg", "1"); !strings.Contains(quiet, "keeps no history") {
		t.Errorf("without history: %q", quiet)
	}
	var out, errs output
	m := &Main{Args: []string{"publish", "room:1", "msg", "-", "--url", p.url}, Stdin: strings.NewReader("{\"from\": [\n1]}"), Stdout: &out, Stderr: &errs}
	if code := m.Run(t.Context()); code != exitFine || !strings.HasSuffix(out.String(), "/2\n") {
		t.Errorf("from standard input: %d %s%s", code, &out, &errs)
	}
}

// TestRemoteRefusals shows that an error of tail and publish says what to do.
func TestRemoteRefusals(t *testing.T) {
	t.Parallel()
	config := file(t, "t.yaml", `
auth: {jwt: {keys: "`+testSecret+`", algorithms: [HS256]}}
topics: [{match: "open:*", subscribe: [anyone], publish: ["role:x"]}, {match: "log:*", publish: [server]}]
`)
	p := serve(t, nil, "--config", config)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	nobody := freeAddress(t)
	valid := signed(t, testSecret, jwt.MapClaims{"sub": "ann"})
	for name, c := range map[string]struct {
		env, args []string
		code      int
		want      string
	}{
		"no node":        {nil, []string{"tail", "a", "--url", nobody}, exitFault, "nothing answers at ws://" + nobody + "/ws; is a node running there? Start one with: node serve --listen " + nobody},
		"no node to ask": {nil, []string{"publish", "a", "b", "1", "--url", "ws://" + nobody}, exitFault, "Start one with"},
		"not a node":     {nil, []string{"tail", "a", "--url", elsewhere.URL}, exitFault, "node serves at /ws"},
		"bad address":    {nil, []string{"tail", "a", "--url", "ftp://x"}, exitUsage, "--url must be like"},
		"secret address": {nil, []string{"tail", "a", "--url", "ws://user:hunter2@x"}, exitUsage, "--url must be like"},
		"bad since":      {nil, []string{"tail", "a", "--since", "-1"}, exitUsage, "--since"},
		"bad position":   {nil, []string{"tail", "a", "--since=x/y"}, exitUsage, "--since must be a whole number from 0"},
		"no topic":       {nil, []string{"tail"}, exitUsage, "<topic>"},
		"bad json":       {nil, []string{"publish", "a", "b", "hi"}, exitUsage, `a text needs quotes of its own`},
		"nothing":        {nil, []string{"publish", "a", "b", "-"}, exitUsage, "not JSON"},
		"wrong token":    {[]string{"TROUPE_TOKEN=nonsense"}, []string{"tail", "open:1", "--url", p.url}, exitFault, "give a valid token"},
		"no token":       {nil, []string{"publish", "open:1", "b", "1", "--url", p.url}, exitFault, "give one with --token or TROUPE_TOKEN"},
		"no right":       {[]string{"TROUPE_TOKEN=" + valid}, []string{"publish", "log:1", "b", "1", "--url", p.url}, exitFault, "grants this to others"},
		"no such topic":  {[]string{"TROUPE_TOKEN=" + valid}, []string{"tail", "log:\x01", "--url", p.url}, exitFault, "must not contain control characters"},
		"of the system":  {[]string{"TROUPE_TOKEN=" + valid}, []string{"tail", "__x", "--url", p.url}, exitFault, "belong to the system"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.env, c.args...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("code %d, want %q in\n%s%s", code, c.want, stderr, stdout)
			}
			if strings.Contains(stderr, "hunter2") || strings.Contains(stderr, valid) || strings.Contains(stderr, "nonsense") {
				t.Errorf("shows a secret:\n%s", stderr)
			}
		})
	}
}

// a tailing is node tail at work.
type tailing struct {
	program
}

func tail(t *testing.T, args ...string) *tailing {
	t.Helper()
	w := &tailing{}
	w.signals, w.code = make(chan os.Signal, 2), make(chan int, 1)
	m := &Main{Args: append([]string{"tail"}, args...), Stdout: &w.stdout, Stderr: &w.stderr, Signals: w.signals}
	go func() { w.code <- m.Run(context.Background()) }()
	t.Cleanup(func() {
		w.signals <- syscall.SIGINT
		if code := w.ended(t); code != exitFine && !t.Failed() {
			t.Errorf("tail ended with %d\n%s", code, &w.stderr)
		}
	})
	return w
}

// prints waits until the lines have come, and no others.
func (w *tailing) prints(t *testing.T, want ...string) {
	t.Helper()
	text := strings.Join(want, "\n") + "\n"
	eventually(t, func() error {
		if got := w.stdout.String(); got != text {
			return fmt.Errorf("printed\n%swant\n%s%s", got, text, &w.stderr)
		}
		return nil
	})
}

func event(seq int) string {
	return fmt.Sprintf(`{"topic":"room:1","event":"msg","data":{"text":"hi"},"seq":%d}`, seq)
}

func TestTail(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	first := publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	all := tail(t, "room:1", "--since", "0", "--url", p.url)
	rest := tail(t, "room:1", "--since", first, "--url", p.url)
	all.prints(t, event(1), event(2))
	rest.prints(t, event(2))
	publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	publish(t, p.url, "room:2", "msg", `{"text":"hi"}`)
	all.prints(t, event(1), event(2), event(3))
	rest.prints(t, event(2), event(3))
	raw := dial(t, p.url, nil) // the data comes out as it went in
	raw.send(`{"type":"publish","topic":"room:1","event":"msg","data":"<&>"}`)
	rest.prints(t, event(2), event(3), `{"topic":"room:1","event":"msg","data":"<&>","seq":4}`)
}

// TestTailComesBack cuts the connection: tail goes on where it was, without a
// hole and without a double.
func TestTailComesBack(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	cut := newCutter(t, strings.TrimPrefix(p.url, "http://"))
	publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	w := tail(t, "room:1", "--since", "0", "--url", cut.addr)
	w.prints(t, event(1))
	cut.all()
	publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	w.prints(t, event(1), event(2))
	publish(t, p.url, "room:1", "msg", `{"text":"hi"}`)
	w.prints(t, event(1), event(2), event(3))
	if !strings.Contains(w.stderr.String(), "trying again in") {
		t.Errorf("says nothing of the cut: %s", &w.stderr)
	}
}

// TestTailAcrossRestart shows that tail tells when the history it followed is
// gone with its node, and goes on with the new one.
func TestTailAcrossRestart(t *testing.T) {
	t.Parallel()
	addr := freeAddress(t)
	var stderr output
	cmd := process(t, addr, &stderr)
	publish(t, addr, "room:1", "msg", `{"text":"hi"}`)
	publish(t, addr, "room:1", "msg", `{"text":"hi"}`)
	w := tail(t, "room:1", "--since", "0", "--url", addr)
	w.prints(t, event(1), event(2))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	cmd = process(t, addr, &stderr)
	publish(t, addr, "room:1", "msg", `{"text":"hi"}`)
	eventually(t, func() error {
		lines := strings.Split(strings.TrimSpace(w.stdout.String()), "\n")
		var gone struct {
			Event string
			Data  struct{ Seq uint64 }
		}
		if len(lines) != 4 || lines[3] != event(1) {
			return fmt.Errorf("printed %s\n%s", lines, &w.stderr)
		}
		if err := json.Unmarshal([]byte(lines[2]), &gone); err != nil || gone.Event != "truncated" {
			return fmt.Errorf("third line %s: %w", lines[2], err)
		}
		return nil
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A cutter passes connections on until it cuts them.
type cutter struct {
	addr string
	mu   sync.Mutex
	open []net.Conn
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, from, onward)
			c.mu.Unlock()
			work.Go(func() { _, _ = io.Copy(onward, from); _ = onward.Close() })
			work.Go(func() { _, _ = io.Copy(from, onward); _ = from.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.all()
		work.Wait()
	})
	return c
}

// all cuts what is open now.
func (c *cutter) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
}
