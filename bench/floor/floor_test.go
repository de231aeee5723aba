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

// A party is the clients of one test on one Loop.
type party struct {
	t      *testing.T
	server netip.AddrPort
	loop   *load.Loop
}

func newParty(t *testing.T) *party {
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return &party{t: t, server: start(t), loop: l}
}

func (p *party) join(begin func(*load.Conn)) *client {
	p.t.Helper()
	c := &client{begin: begin}
	if _, err := p.loop.Dial(p.server, netip.MustParseAddr("127.0.0.3"), "/floor", 0, c); err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *party) until(done func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	if err := p.loop.Run(ctx, done); err != nil {
		p.t.Fatal(err)
	}
}

func subscribe(since *wire.Position) func(*load.Conn) {
	return func(c *load.Conn) {
		c.Send(wire.Floor{}.Subscribe(wire.Subscription{Topic: "kept:a", Since: since}))
	}
}

func TestPublishReachesReceiversAndLateOnesCatchUp(t *testing.T) {
	t.Parallel()
	p := newParty(t)
	early := p.join(subscribe(nil))
	p.until(early.has(2))
	writer := p.join(func(c *load.Conn) {
		for _, data := range []string{"1", "2", "3"} {
			c.Send(wire.Floor{}.Publish(nil, "kept:a", 0, []byte(data)))
		}
	})
	p.until(early.has(5))
	p.until(writer.has(4))
	late := p.join(subscribe(&wire.Position{Seq: 1}))
	p.until(late.has(4))

	event := func(data string) string { return `{"topic":"kept:a","event":"m","data":` + data + `}` }
	for name, c := range map[string]struct{ got, want []string }{
		"early":  {early.got, []string{"w", "j0", event("1"), event("2"), event("3")}},
		"writer": {writer.got, []string{"w", "a", "a", "a"}},
		"late":   {late.got, []string{"w", "j3", event("2"), event("3")}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s got %q, want %q", name, c.got, c.want)
		}
	}
}

func TestNonsenseEndsTheConnection(t *testing.T) {
	t.Parallel()
	p := newParty(t)
	for _, message := range []string{"", "x", "xtopic body", "stopic notanumber"} {
		c := p.join(func(c *load.Conn) { c.Send([]byte(message)) })
		p.until(func() bool { return c.closed != nil })
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
