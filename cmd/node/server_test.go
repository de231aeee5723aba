package main

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cmd/node/settings"
)

// pipes is a listener whose connections are in memory, for a bubble.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.accept <- there
	return here
}

// TestSlowClients shows how long a connection that is not a WebSocket can be
// held: by headers that trickle in, by answers that nobody reads, and idle.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		send string
		read bool
		gone time.Duration
	}{
		"silent":          {"", false, headerTimeout},
		"half a header":   {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", false, headerTimeout},
		"never reads":     {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, answerTimeout},
		"idle afterwards": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true, keepTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, strings.Repeat("x", 100)) })
				srv, l := newHTTPServer(answer, slog.New(slog.DiscardHandler)), newPipes()
				served := make(chan error, 1)
				go func() { served <- srv.Serve(l) }()
				conn := l.dial()
				began := time.Now()
				if _, err := io.WriteString(conn, c.send); err != nil {
					t.Fatal(err)
				}
				in := bufio.NewReader(conn)
				if c.read {
					resp, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
				} else {
					time.Sleep(c.gone + time.Second)
				}
				_, _ = io.Copy(io.Discard, in) // until the server lets go
				if took := time.Since(began); took > c.gone+2*time.Second {
					t.Errorf("held for %s", took)
				}
				_ = srv.Close()
				<-served
			})
		})
	}
}

func TestLogFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		settings.FormatText: "level=WARN msg=careful", settings.FormatJSON: `"msg":"careful"`, settings.FormatAuto: `"msg":"careful"`,
	} {
		var out bytes.Buffer
		logger := newLogger(&out, settings.Log{Level: slog.LevelWarn, Format: format})
		logger.Info("quiet")
		logger.Warn("careful")
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "quiet") {
			t.Errorf("%s: %s", format, &out)
		}
	}
}
