//go:build linux

package load_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/load"
	"github.com/troupe-rt/troupe/bench/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var home = netip.MustParseAddr("127.0.0.2")

// serve accepts one connection, upgrades it, and hands it to script.
func serve(t *testing.T, script func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		head := make([]byte, 0, 4096)
		for {
			n, err := c.Read(head[len(head):cap(head)])
			if err != nil {
				return
			}
			if head = head[:len(head)+n]; bytes.HasSuffix(head, []byte("\r\n\r\n")) {
				break
			}
		}
		script(c)
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// record keeps what a handler was told.
type record struct {
	opened   int
	messages []string
	closed   []error
	onOpen   func(*load.Conn)
}

func (r *record) Opened(c *load.Conn) {
	r.opened++
	if r.onOpen != nil {
		r.onOpen(c)
	}
}
func (r *record) Message(_ *load.Conn, payload []byte) {
	r.messages = append(r.messages, string(payload))
}
func (r *record) Closed(_ *load.Conn, err error) { r.closed = append(r.closed, err) }

// drive runs a client against a server until done.
func drive(t *testing.T, server netip.AddrPort, r *record, done func() bool) {
	t.Helper()
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Dial(server, home, "/ws", 1, r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.Run(ctx, done); err != nil {
		t.Fatalf("%v; got %d messages, closed %v", err, len(r.messages), r.closed)
	}
}

func TestMessagesSurviveAnyCut(t *testing.T) {
	t.Parallel()
	want := []string{"one", string(bytes.Repeat([]byte("x"), 200)), "", string(bytes.Repeat([]byte("y"), 70_000)), "fragmented"}
	stream := ws.Response()
	for _, m := range want[:4] {
		stream = ws.AppendServer(stream, ws.Text, []byte(m))
	}
	stream = append(stream, 0x01, 4, 'f', 'r', 'a', 'g')
	stream = ws.AppendServer(stream, ws.Ping, []byte("in between"))
	stream = append(stream, 0x80, 6, 'm', 'e', 'n', 't', 'e', 'd')
	for _, size := range []int{1, 3, 7, 100, 1000, len(stream)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			cut := size
			if cut == 1 {
				cut = 2 // of 70 kB
			}
			server := serve(t, func(c net.Conn) {
				for b := range slices.Chunk(stream, cut) {
					if _, err := c.Write(b); err != nil {
						return
					}
				}
				_, _ = io.Copy(io.Discard, c) // until the client leaves
			})
			r := &record{}
			drive(t, server, r, func() bool { return len(r.messages) == len(want) || len(r.closed) > 0 })
			if r.opened != 1 || !slices.Equal(r.messages, want) {
				t.Errorf("opened %d times, %d messages, closed %v", r.opened, len(r.messages), r.closed)
			}
		})
	}
}

func TestSendsMoreThanTheSocketTakes(t *testing.T) {
	t.Parallel()
	const count, size = 200, 60_000 // 12 MB
	got := make(chan int, 1)
	server := serve(t, func(c net.Conn) {
		if _, err := c.Write(ws.Response()); err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, io.LimitReader(c, count*(size+8)))
		got <- int(n)
		_, _ = c.Write(ws.AppendServer(nil, ws.Text, []byte("thanks")))
		_, _ = io.Copy(io.Discard, c)
	})
	r := &record{onOpen: func(c *load.Conn) {
		for range count {
			c.Send(make([]byte, size))
		}
	}}
	drive(t, server, r, func() bool { return len(r.messages) == 1 || len(r.closed) > 0 })
	if n := <-got; n != count*(size+8) || len(r.closed) > 0 {
		t.Errorf("the server got %d bytes, closed %v", n, r.closed)
	}
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	want := ws.AppendClient(nil, ws.Pong, []byte("tick"))
	answers := make(chan []byte, 1)
	server := serve(t, func(c net.Conn) {
		_, _ = c.Write(ws.AppendServer(ws.Response(), ws.Ping, []byte("tick")))
		answer := make([]byte, len(want))
		_, _ = io.ReadFull(c, answer)
		answers <- answer
	})
	r := &record{}
	drive(t, server, r, func() bool { return len(r.closed) > 0 })
	if got := <-answers; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestClosedIsReportedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		send []byte
		want error
	}{
		"close frame":   {ws.AppendServer(ws.Response(), ws.Close, append([]byte{0x03, 0xF5}, "slow"...)), &load.CloseError{Code: 1013, Reason: "slow"}},
		"empty close":   {ws.AppendServer(ws.Response(), ws.Close, nil), &load.CloseError{Code: 1005}},
		"bad frame":     {append(ws.Response(), 0xFF, 0), ws.ErrFrame},
		"end of stream": {ws.Response(), io.ErrUnexpectedEOF},
		"too long":      {append(ws.Response(), append([]byte{0x81, 127, 0, 0, 0, 0, 0, 0x20, 0, 0}, make([]byte, 2<<20)...)...), load.ErrTooLong},
		"refused":       {[]byte("HTTP/1.1 403 Forbidden\r\n\r\n"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(conn net.Conn) { _, _ = conn.Write(c.send) })
			r := &record{}
			drive(t, server, r, func() bool { return len(r.closed) > 0 })
			var got, want *load.CloseError
			switch {
			case len(r.closed) != 1:
				t.Errorf("closed %d times", len(r.closed))
			case errors.As(c.want, &want):
				if !errors.As(r.closed[0], &got) || *got != *want {
					t.Errorf("got %v, want %v", r.closed[0], want)
				}
			case c.want != nil && !errors.Is(r.closed[0], c.want):
				t.Errorf("got %v, want %v", r.closed[0], c.want)
			case r.closed[0] == nil:
				t.Error("closed without a reason")
			}
		})
	}
}

func TestDialRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	r := &record{}
	drive(t, nobody, r, func() bool { return len(r.closed) > 0 })
	if r.opened != 0 || len(r.closed) != 1 {
		t.Errorf("opened %d, closed %v", r.opened, r.closed)
	}
}

func TestDialsThisMachineOnly(t *testing.T) {
	t.Parallel()
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct{ server, from string }{{"192.0.2.1:80", "127.0.0.1"}, {"127.0.0.1:80", "192.0.2.1"}} {
		_, err := l.Dial(netip.MustParseAddrPort(c.server), netip.MustParseAddr(c.from), "/", 0, &record{})
		if err == nil {
			t.Errorf("dialled %s from %s", c.server, c.from)
		}
	}
	if l.Conns() != 0 {
		t.Errorf("%d connections", l.Conns())
	}
}

func TestTickIsOnTime(t *testing.T) {
	t.Parallel()
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var due uint64
	if err := l.Tick(500*time.Microsecond, func(n uint64) { due += n }); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context(), func() bool { return due >= 40 }); err != nil {
		t.Fatal(err)
	}
	// Periods that were slept through are counted, so the rate holds on any
	// machine, and there are no extra ones.
	if most := uint64(l.Now()/(500*time.Microsecond)) + 1; due > most {
		t.Errorf("%d periods within %s", due, l.Now())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if err := l.Run(ctx, func() bool { return false }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
