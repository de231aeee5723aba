package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/topic"
)

// tight gives accepted sockets little room, so that a client that does not read
// is noticed soon.
type tight struct{ net.Listener }

func (l tight) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return c, err
}

func startTight(t *testing.T, slow topic.Slow, history int, o gateway.Options) *bundle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Limits.MaxQueued = 64 << 10
	return start(t, setup{
		listener: tight{l}, options: o,
		policies: []topic.Policy{{Match: "slow", History: history, Slow: slow}, {Match: "*", History: -1}},
	})
}

// flood publishes until the gateway says that a client is behind, and then more
// than the limit on top. It returns how many events there were.
func (b *bundle) flood(bytes int, after func()) int {
	b.t.Helper()
	pad := strings.Repeat("x", 4000)
	n := 0
	one := func() {
		n++
		b.publish("slow", fmt.Sprintf("e%d", n%3), fmt.Sprintf(`"%d %s"`, n, pad))
		after()
	}
	deadline := time.Now().Add(20 * time.Second)
	for b.Stats().Blocked == 0 && b.Stats().Connections > 1 {
		for range 50 {
			one()
		}
		if time.Now().After(deadline) {
			b.t.Fatal("nobody is behind")
		}
	}
	for sent := 0; sent < bytes; sent += len(pad) {
		one()
	}
	return n
}

// dialNarrow connects with a socket that takes little, and does not grow.
func (b *bundle) dialNarrow() *client {
	b.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(8 << 10)
		}
		return c, err
	}}
	c, _, err := b.dialWith("", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		b.t.Fatal(err)
	}
	c.next()
	return c
}

func TestWIRE17SlowDisconnect(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := startTight(t, topic.SlowDisconnect, -1, gateway.Options{Registerer: registry})
	slow, fast := b.dialNarrow(), b.dial()
	slow.subscribe("slow")
	fast.subscribe("slow")
	b.flood(200<<10, func() { fast.raw() }) // it keeps up, and gets each
	slow.wantClose(1013)
	b.publish("slow", "last", "1")
	fast.want(`{"topic":"slow","event":"last","data":1}`)
	if v := metric(t, registry, "troupe_gateway_slow_consumers_total"); v < 1 {
		t.Errorf("slow consumers: %v", v)
	}
}

func TestSlowDropOldest(t *testing.T) {
	t.Parallel()
	for name, history := range map[string]int{"with history": 10_000, "without": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startTight(t, topic.SlowDropOldest, history, gateway.Options{})
			c, _ := b.dialNarrow(), b.dial()
			c.subscribe("slow")
			n := b.flood(500<<10, func() {})
			b.publish("slow", "last", "1")
			seen, stale := 0, 0
			var gapFrom, gapTo uint64
			for {
				f := c.next()
				if f["event"] == "last" {
					break
				}
				if f["event"] == "stale" {
					stale++
					data := f["data"].(obj)
					if fmt.Sprint(data["since"]) == "" {
						t.Errorf("stale without since: %v", f)
					}
					if history > 0 {
						_, _ = fmt.Sscan(fmt.Sprint(data["from"]), &gapFrom)
						_, _ = fmt.Sscan(fmt.Sprint(data["to"]), &gapTo)
						if gapFrom != uint64(seen)+1 {
							t.Fatalf("stale from %d after %d", gapFrom, seen)
						}
						seen = int(gapTo)
					}
					continue
				}
				seen++
				if history > 0 && fmt.Sprint(f["seq"]) != fmt.Sprint(seen) {
					t.Fatalf("got seq %v, want %d", f["seq"], seen)
				}
			}
			switch {
			case stale == 0:
				t.Fatal("nothing was announced")
			case history > 0 && seen != n:
				t.Fatalf("saw up to %d of %d", seen, n)
			case history < 0 && seen >= n:
				t.Fatalf("got %d of %d, nothing was dropped", seen, n)
			}
		})
	}
}

// TestWIRE23Conflate: while a client is behind, an event takes the place of the
// earlier one of its name.
func TestWIRE23Conflate(t *testing.T) {
	t.Parallel()
	b := startTight(t, topic.SlowConflate, -1, gateway.Options{})
	c, _ := b.dialNarrow(), b.dial()
	c.subscribe("slow")
	b.flood(100<<10, func() {})
	for i := range 100 {
		b.publish("slow", "position", fmt.Sprint(i))
	}
	b.publish("slow", "other", "1")
	b.publish("slow", "last", "1")
	var tail []string
	for len(tail) == 0 || !strings.Contains(tail[len(tail)-1], `"last"`) {
		if s := c.raw(); len(s) < 1000 {
			tail = append(tail, s)
		}
	}
	want := []string{
		`{"topic":"slow","event":"position","data":99}`,
		`{"topic":"slow","event":"other","data":1}`,
		`{"topic":"slow","event":"last","data":1}`,
	}
	if fmt.Sprint(tail) != fmt.Sprint(want) {
		t.Fatalf("got %.600q", tail)
	}
}

// TestClientThatNeverReads asks for much and takes nothing. Its frames are no
// longer read, so that memory stays bounded, and others do not notice.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	b := startTight(t, topic.SlowDisconnect, 1000, gateway.Options{})
	pad := strings.Repeat("x", 1000)
	for i := range 500 {
		b.publish("slow", "e", fmt.Sprintf(`"%d %s"`, i, pad))
	}
	c, other := b.dialNarrow(), b.dial()
	sent := make(chan int, 1)
	frame := `{"type":"replay","topic":"slow","since":0}` + strings.Repeat(" ", 32<<10) // so that sockets are soon full
	go func() {
		n := 0
		for ; n < 10_000; n++ {
			if c.tryWrite(frame, 500*time.Millisecond) != nil {
				break
			}
		}
		sent <- n
	}()
	if n := <-sent; n == 10_000 {
		t.Error("all frames were read, though no answer was taken")
	}
	other.subscribe("others-unaffected")
	if s := b.Stats(); s.Blocked > 1 {
		t.Fatalf("got %+v", s)
	}
	b.Close() // ends in spite of it
}

func (c *client) tryWrite(text string, wait time.Duration) error {
	ctx, cancel := contextFor(wait)
	defer cancel()
	return c.ws.Write(ctx, 1, []byte(text))
}

// TestCatchUpLargerThanQueue: what a client asked for itself never makes it a
// slow consumer.
func TestCatchUpLargerThanQueue(t *testing.T) {
	t.Parallel()
	b := startTight(t, topic.SlowDisconnect, 1000, gateway.Options{})
	pad := strings.Repeat("x", 4000)
	const n = 300
	for i := range n {
		b.publish("slow", "e", fmt.Sprintf(`"%d %s"`, i, pad))
	}
	c := b.dial()
	c.send(`{"type":"subscribe","topic":"slow","since":0}`)
	if err := follow(c, 0, n); err != nil {
		t.Fatal(err)
	}
	c.send(`{"type":"replay","topic":"slow","since":0}`)
	for range n {
		if f := c.next(); f["event"] != "msg" {
			t.Fatalf("got %.100v", f)
		}
	}
}

// TestTLS takes the way of connections that are more than a socket.
func TestTLS(t *testing.T) {
	t.Parallel()
	n := newNode(t, []topic.Policy{{Match: "*", History: 1000}})
	g := gateway.Handler(n, gateway.Options{})
	server := httptest.NewTLSServer(g)
	t.Cleanup(func() { server.Close(); g.Close() })
	b := &bundle{Gateway: g, t: t, topics: n.topics, addr: server.Listener.Addr().String()}
	c := b.dialTLS(&tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test's own certificate
	c.send(`{"type":"subscribe","topic":"chat","since":0,"ref":1}`)
	if f := c.next(); f["type"] != "subscribed" {
		t.Fatalf("got %v", f)
	}
	for i := 1; i <= 100; i++ {
		b.publish("chat", "e", fmt.Sprint(i))
	}
	if err := follow(c, 0, 100); err != nil {
		t.Fatal(err)
	}
	if err := c.ws.Close(1000, "bye"); err != nil {
		t.Fatalf("close was not answered: %v", err)
	}
	other := b.dialTLS(&tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as above
	other.send("\xff")
	other.wantClose(1007)
}
