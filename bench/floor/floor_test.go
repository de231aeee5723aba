//go:build linux

package floor_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/bench/floor"
	"github.com/troupe-rt/troupe/bench/load"
	"github.com/troupe-rt/troupe/bench/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := floor.Serve(ctx, address); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return netip.MustParseAddrPort(address)
		}
	}
	t.Fatal("the floor does not accept")
	return netip.AddrPort{}
}

type client struct {
	got    []string
	begin  func(*load.Conn)
	closed error
}

func (c *client) Opened(conn *load.Conn)               { c.begin(conn) }
func (c *client) Message(_ *load.Conn, payload []byte) { c.got = append(c.got, string(payload)) }
func (c *client) Closed(_ *load.Conn, err error)       { c.closed = err }
func (c *client) has(n int) func() bool {
	return func() bool { return len(c.got) >= n || c.closed != nil }
}

func TestPublishReachesReceiversAndLateOnesCatchUp(t *testing.T) {
	t.Parallel()
	server := start(t)
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	join := func(since *wire.Position) *client {
		c := &client{begin: func(conn *load.Conn) {
			conn.Send(wire.Floor{}.Subscribe(wire.Subscription{Topic: "kept:a", Since: since}))
		}}
		if _, err := l.Dial(server, netip.MustParseAddr("127.0.0.3"), "/floor", 0, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	until := func(done func() bool) {
		t.Helper()
		if err := l.Run(ctx, done); err != nil {
			t.Fatal(err)
		}
	}
	early := join(nil)
	until(early.has(2))
	writer := &client{begin: func(conn *load.Conn) {
		for _, data := range []string{"1", "2", "3"} {
			conn.Send(wire.Floor{}.Publish(nil, "kept:a", 0, []byte(data)))
		}
	}}
	if _, err := l.Dial(server, netip.MustParseAddr("127.0.0.3"), "/floor", 0, writer); err != nil {
		t.Fatal(err)
	}
	until(early.has(5))
	until(writer.has(4))
	late := join(&wire.Position{Seq: 1})
	until(late.has(4))

	event := func(data string) string { return `{"topic":"kept:a","event":"m","data":` + data + `}` }
	if want := []string{"w", "j0", event("1"), event("2"), event("3")}; !slices.Equal(early.got, want) {
		t.Errorf("early got %q", early.got)
	}
	if want := []string{"w", "a", "a", "a"}; !slices.Equal(writer.got, want) {
		t.Errorf("writer got %q", writer.got)
	}
	if want := []string{"w", "j3", event("2"), event("3")}; !slices.Equal(late.got, want) {
		t.Errorf("late got %q", late.got)
	}
}

func TestNonsenseEndsTheConnection(t *testing.T) {
	t.Parallel()
	server := start(t)
	for _, message := range []string{"", "x", "xtopic body", "stopic notanumber"} {
		l, err := load.NewLoop()
		if err != nil {
			t.Fatal(err)
		}
		c := &client{begin: func(conn *load.Conn) { conn.Send([]byte(message)) }}
		if _, err := l.Dial(server, netip.MustParseAddr("127.0.0.3"), "/floor", 0, c); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := l.Run(ctx, func() bool { return c.closed != nil }); err != nil {
			t.Errorf("%q: %v", message, err)
		}
		cancel()
		l.Close()
	}
}

func TestServesLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:80", "[::1]:80", "nonsense"} {
		if err := floor.Serve(t.Context(), address); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
