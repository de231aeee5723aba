package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

func contextFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func (b *bundle) dialTLS(config *tls.Config) *client {
	b.t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	ctx, cancel := contextFor(10 * time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+b.addr+"/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		b.t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	b.t.Cleanup(func() { _ = ws.CloseNow(); transport.CloseIdleConnections() })
	c := &client{b.t, ws}
	if f := c.next(); f["type"] != "welcome" {
		b.t.Fatalf("got %v", f)
	}
	return c
}

func TestDrain(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	var clients []*client
	for range 20 {
		c := b.dial()
		c.subscribe("chat")
		clients = append(clients, c)
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { c.wantClose(1001) })
	}
	ctx, cancel := contextFor(20 * time.Second)
	defer cancel()
	if err := b.node.drain(ctx); err != nil { // as the node does
		t.Fatal(err)
	}
	wg.Wait()
	if _, resp, err := b.dialWith("", nil); err == nil || resp.StatusCode != 503 {
		t.Fatalf("got %v, %v", resp, err)
	}
	if s := b.Stats(); !s.Draining || s.Connections != 0 {
		t.Fatalf("got %+v", s)
	}
}

// TestDrainOfSilentClients: clients that do not answer are cut off with ctx.
func TestDrainOfSilentClients(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	b.dial()
	ctx, cancel := contextFor(50 * time.Millisecond)
	defer cancel()
	if err := b.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

// pipes is a listener without sockets, so that time in it can be synctest's.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }

func (p *pipes) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		p.conns <- theirs
		return ours, nil
	}}
	ws, _, err := websocket.Dial(t.Context(), "ws://node/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// TestKeepAlive: a client that hears nothing for a minute is sent a frame, and one
// that answers pings stays, however long it says nothing itself.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := start(t, setup{listener: p, policies: live})
		ws := p.dial(t)
		c := &client{t, ws}
		read := func() (string, time.Duration) {
			began := time.Now()
			_, m, err := ws.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return string(m), time.Since(began)
		}
		if s, _ := read(); !strings.Contains(s, "welcome") {
			t.Fatalf("got %s", s)
		}
		for range 10 { // 10 minutes
			s, after := read()
			if s != `{"type":"ping"}` || after < 55*time.Second || after > 65*time.Second {
				t.Fatalf("got %s after %s", s, after)
			}
		}
		_ = c.ws.CloseNow()
		b.Close()
	})
}

// TestSilentClient: who opens and never speaks, nor answers pings, is cut off.
func TestSilentClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := start(t, setup{listener: p, policies: live})
		ours, theirs := net.Pipe()
		p.conns <- theirs
		began := time.Now()
		if _, err := io.WriteString(ours, upgrade); err != nil {
			t.Fatal(err)
		}
		heard, err := io.ReadAll(ours) // reads all, says nothing
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < 120*time.Second || d > 130*time.Second {
			t.Errorf("cut off after %s", d)
		}
		if s := string(heard); !strings.Contains(s, "\x89\x00") || !strings.Contains(s, "\x88\x06\x03\xe9idle") {
			t.Errorf("a ping and a close frame are missing in %q", s)
		}
		_ = ours.Close()
		b.Close()
	})
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

func TestCredentialsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := start(t, setup{listener: p, policies: live, options: gateway.Options{
			Authenticate: func(context.Context, *http.Request) (gateway.Identity, error) {
				return gateway.Identity{ID: "ann", ExpiresAt: time.Now().Add(30 * time.Second)}, nil
			},
		}})
		ws := p.dial(t)
		began := time.Now()
		(&client{t, ws}).wantCloseIn(4401)
		if d := time.Since(began); d < 30*time.Second || d > 33*time.Second {
			t.Errorf("closed after %s", d)
		}
		b.Close()
	})
}

// wantCloseIn is wantClose without a deadline, for synctest's time.
func (c *client) wantCloseIn(code int) {
	for {
		if _, _, err := c.ws.Read(context.Background()); err != nil {
			if got := int(websocket.CloseStatus(err)); got != code {
				c.t.Fatalf("ended with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

// TestSlowLoris: a request that never ends is cut off by the server's own limit,
// before the gateway sees it.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	b := start(t, setup{server: &http.Server{ReadHeaderTimeout: 50 * time.Millisecond}})
	nc, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, upgrade[:40]); err != nil {
		t.Fatal(err)
	}
	if err := nc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(nc); err != nil {
		t.Fatalf("not cut off: %v", err)
	}
}

// TestEarlyBytes: frames that come in one packet with the upgrade are not lost.
func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	nc, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	frame := []byte{0x81, 0x80 | 45, 0, 0, 0, 0} // masked with zeros
	frame = append(frame, fmt.Sprintf("%-45s", `{"type":"subscribe","topic":"chat","ref":1}`)...)
	if _, err := nc.Write(append([]byte(upgrade), frame...)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(nc)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("got %v, %v", resp, err)
	}
	want := `{"type":"subscribed","topic":"chat","ref":1}`
	all := make([]byte, 4096)
	got := ""
	for !strings.Contains(got, want) {
		n, err := r.Read(all)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got += string(all[:n])
	}
}

// TestProtocolErrors: coder refuses what breaks RFC 6455, and others live on.
func TestProtocolErrors(t *testing.T) {
	t.Parallel()
	codes := make(chan int, 8)
	b := start(t, setup{policies: live, options: gateway.Options{
		OnClose: func(_ context.Context, _ *gateway.Client, code int, _ []string) { codes <- code },
	}})
	for name, frame := range map[string]string{
		"unmasked": "\x81\x02hi", "reserved bit": "\xc1\x80\x00\x00\x00\x00", "unknown opcode": "\x83\x80\x00\x00\x00\x00",
		"long control": "\x89\xfe\x01\x00\x00\x00\x00\x00", "lone continuation": "\x80\x80\x00\x00\x00\x00",
		"negative length": "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		nc, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, upgrade+frame); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(nc); errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: not cut off: %v", name, err)
		}
		if code := <-codes; code != 1002 && name != "unmasked" && name != "negative length" {
			t.Errorf("%s: ended with %d", name, code)
		}
		_ = nc.Close()
	}
	b.dial().subscribe("others-unaffected")
}
