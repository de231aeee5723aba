package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is the least that a gateway asks for.
type node struct {
	topics  *topic.Topics
	drained []func(context.Context) error
	health  func(breaker.Change)
	beside
}

// beside is what a node may have beside its topics.
type beside struct {
	presence *presence.Presence
	cursors  *cursor.Boards
	groups   *group.Groups
	limits   *ratelimit.Limits
}

func (b *beside) Presence() *presence.Presence { return b.presence }
func (b *beside) Cursors() *cursor.Boards      { return b.cursors }
func (b *beside) Groups() *group.Groups        { return b.groups }
func (b *beside) Limits() *ratelimit.Limits    { return b.limits }

func (n *node) ID() string                            { return "n1" }
func (n *node) Topics() *topic.Topics                 { return n.topics }
func (n *node) OnDrain(f func(context.Context) error) { n.drained = append(n.drained, f) }

func (n *node) OnHealth(f func(breaker.Change)) (stop func()) {
	n.health = f
	return func() {}
}

// drain runs the hooks as a node does: the newest first.
func (n *node) drain(ctx context.Context) error {
	var errs []error
	for _, hook := range slices.Backward(n.drained) {
		errs = append(errs, hook(ctx))
	}
	return errors.Join(errs...)
}

// bundle is a gateway behind a real listener.
type bundle struct {
	*gateway.Gateway
	t      testing.TB
	topics *topic.Topics
	node   *node
	addr   string
	listen net.Listener
}

type setup struct {
	policies []topic.Policy
	beside   func(t testing.TB, s *actors.System) beside
	log      func(topic.Log) topic.Log
	options  gateway.Options
	listener net.Listener
	server   *http.Server
	wrap     func(http.Handler) http.Handler
}

func newNode(t testing.TB, policies []topic.Policy) *node {
	t.Helper()
	return newNodeWith(t, setup{policies: policies})
}

func newNodeWith(t testing.TB, s setup) *node {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	var log topic.Log = memstore.New(memstore.Config{})
	if s.log != nil {
		log = s.log(log)
	}
	topics, err := topic.Start(topic.Config{System: system, Log: log, Policies: s.policies})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, "system", system.Close) })
	t.Cleanup(func() { shut(t, "topics", topics.Close) })
	n := &node{topics: topics}
	if s.beside != nil {
		n.beside = s.beside(t, system)
	}
	return n
}

func shut(t testing.TB, what string, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Errorf("close %s: %v", what, err)
	}
}

func start(t testing.TB, s setup) *bundle {
	t.Helper()
	n := newNodeWith(t, s)
	if s.options.Shards == 0 {
		s.options.Shards = 3 // however few cores the machine has
	}
	g, err := gateway.New(n, s.options)
	if err != nil {
		t.Fatal(err)
	}
	l := s.listener
	if l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	server := s.server
	if server == nil {
		server = &http.Server{}
	}
	server.Handler = g
	if s.wrap != nil {
		server.Handler = s.wrap(g)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		g.Close()
		<-done
	})
	return &bundle{Gateway: g, t: t, topics: n.topics, node: n, addr: l.Addr().String(), listen: l}
}

// client is a raw WebSocket client with assertions.
type client struct {
	t  testing.TB
	ws *websocket.Conn
}

type obj = map[string]any

func (b *bundle) dialWith(query string, o *websocket.DialOptions) (*client, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, "ws://"+b.addr+"/ws"+query, o)
	if err != nil {
		return nil, resp, err
	}
	ws.SetReadLimit(-1)
	b.t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{b.t, ws}, resp, nil
}

// dial connects and reads welcome.
func (b *bundle) dial() *client {
	b.t.Helper()
	c, _, err := b.dialWith("", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if f := c.next(); f["type"] != "welcome" {
		b.t.Fatalf("first frame is %v, want welcome", f)
	}
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("send %.80s: %v", text, err)
	}
}

func (c *client) read() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	return string(b), err
}

// raw reads one frame as text.
func (c *client) raw() string {
	c.t.Helper()
	s, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return s
}

func (c *client) next() obj {
	c.t.Helper()
	s := c.raw()
	var f obj
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		c.t.Fatalf("frame %q: %v", s, err)
	}
	return f
}

// want reads one frame and compares its text.
func (c *client) want(text string) {
	c.t.Helper()
	if got := c.raw(); got != text {
		c.t.Fatalf("got  %.300s\nwant %.300s", got, text)
	}
}

// wantClose reads until the connection ends and checks the code.
func (c *client) wantClose(code int) {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			if got := int(websocket.CloseStatus(err)); got != code {
				c.t.Fatalf("ended with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

// sync proves that everything sent so far has been handled.
func (c *client) sync() {
	c.t.Helper()
	c.send(`{"type":"unsubscribe","topic":"__sync"}`)
	c.want(`{"type":"error","code":"INVALID_TOPIC","message":"topic is not one that clients can follow"}`)
}

func (c *client) subscribe(name string) {
	c.t.Helper()
	c.send(`{"type":"subscribe","topic":"` + name + `","ref":0}`)
	if f := c.next(); f["type"] != "subscribed" {
		c.t.Fatalf("subscribe %s: got %v", name, f)
	}
}

func (b *bundle) publish(name, event, data string) topic.Position {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := b.topics.Publish(ctx, name, topic.Message{Event: event, Data: []byte(data)})
	if err != nil {
		b.t.Fatalf("publish on %s: %v", name, err)
	}
	return r.Position
}

// live is a policy without history for every topic.
var live = []topic.Policy{{Match: "*", History: -1}}
