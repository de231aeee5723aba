package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/bridge/gateway/wsclient"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type node struct{ topics *topic.Topics }

func (n node) ID() string                          { return "n1" }
func (n node) Topics() *topic.Topics               { return n.topics }
func (n node) OnDrain(func(context.Context) error) {}

// serve starts a node and returns its address.
func serve(t *testing.T, o gateway.Options) (g *gateway.Gateway, topics *topic.Topics, url string) {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	topics, err := topic.Start(topic.Config{System: system, Log: memstore.New(memstore.Config{}), Policies: []topic.Policy{{Match: "live", History: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	g = gateway.Handler(node{topics}, o)
	server := httptest.NewServer(g)
	t.Cleanup(func() {
		g.Close()
		server.Close()
		if err := errors.Join(topics.Close(context.Background()), system.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return g, topics, "ws" + server.URL[4:] + "/ws"
}

func dial(t *testing.T, url string, o wsclient.Options) *wsclient.Conn {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	o.HTTPClient = &http.Client{Transport: transport}
	c, err := wsclient.Dial(ctx(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func ctx(t *testing.T) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return c
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	_, topics, url := serve(t, gateway.Options{})
	const n = 1000 // more than is buffered
	for i := 1; i <= n; i++ {
		if _, err := topics.Publish(ctx(t), "chat", topic.Message{Event: "e", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, url, wsclient.Options{})
	at, err := c.Subscribe(ctx(t), "chat", &topic.Position{})
	if err != nil || at.Seq != n || at.Epoch == "" {
		t.Fatalf("got %v, %v", at, err)
	}
	for i := uint64(1); i <= n; i++ {
		e, err := c.Next(ctx(t))
		if err != nil || e.Topic != "chat" || e.Event != "e" || e.Seq != i || string(e.Data) != fmt.Sprint(i) {
			t.Fatalf("got %v, %v, want %d", e, err, i)
		}
	}
	if err := c.Unsubscribe(ctx(t), "chat"); err != nil {
		t.Fatal(err)
	}
	var denied *wsclient.DeniedError
	if _, err := c.Subscribe(ctx(t), "__x", nil); !errors.As(err, &denied) || denied.Reason != "INVALID_TOPIC" {
		t.Fatalf("got %v", err)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	_, topics, url := serve(t, gateway.Options{})
	c := dial(t, url, wsclient.Options{})
	for i, want := range []bool{false, true} {
		r, err := c.Publish(ctx(t), "chat", "e", []byte(`{"a":"<b>&"}`), "id1")
		if err != nil || r.Position.Seq != 1 || r.Duplicate != want {
			t.Fatalf("publish %d: got %v, %v", i, r, err)
		}
	}
	h, err := topics.History(ctx(t), "chat", topic.Position{}, 0)
	if err != nil || string(h.Events[0].Data()) != `{"a":"<b>&"}` {
		t.Fatalf("kept %s, %v", h.Events[0].Data(), err)
	}
	if r, err := c.Publish(ctx(t), "live", "e", nil, ""); err != nil || r.Position.Seq != 0 {
		t.Fatalf("got %v, %v", r, err)
	}
	var denied *wsclient.DeniedError
	if _, err := c.Publish(ctx(t), "__x", "e", nil, ""); !errors.As(err, &denied) || denied.Topic != "__x" {
		t.Fatalf("got %v", err)
	}
	var wrong *wsclient.FrameError
	if _, err := c.Publish(ctx(t), "chat", "", nil, ""); !errors.As(err, &wrong) || wrong.Code != "INVALID_FRAME" {
		t.Fatalf("got %v", err)
	}
}

func TestCallsEnd(t *testing.T) {
	t.Parallel()
	g, _, url := serve(t, gateway.Options{})
	c := dial(t, url, wsclient.Options{})
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Next(over); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.Next(context.Background())
		ended <- err
	}()
	if err := g.Drain(ctx(t)); err != nil {
		t.Fatal(err)
	}
	var closed *wsclient.ClosedError
	if err := <-ended; !errors.As(err, &closed) || closed.Code != 1001 || closed.Final() {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Publish(ctx(t), "chat", "e", nil, ""); !errors.As(err, &closed) {
		t.Fatalf("got %v", err)
	}
}

func TestDialRefused(t *testing.T) {
	t.Parallel()
	_, _, url := serve(t, gateway.Options{Authenticate: func(_ context.Context, r *http.Request) (gateway.Identity, error) {
		if r.Header.Get("Authorization") != "Bearer x" {
			return gateway.Identity{}, gateway.ErrUnauthenticated
		}
		return gateway.Identity{ID: "ann"}, nil
	}})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var status *wsclient.StatusError
	if _, err := wsclient.Dial(ctx(t), url, wsclient.Options{HTTPClient: client}); !errors.As(err, &status) || status.Status != 401 {
		t.Fatalf("got %v", err)
	}
	if _, err := wsclient.Dial(ctx(t), "ws://127.0.0.1:1/ws", wsclient.Options{HTTPClient: client}); err == nil || errors.As(err, &status) {
		t.Fatalf("got %v", err)
	}
	c := dial(t, url, wsclient.Options{Header: http.Header{"Authorization": {"Bearer x"}}})
	if c.SessionID == "" || c.Node != "n1" || c.Resumed {
		t.Fatalf("got %q, %q, %v", c.SessionID, c.Node, c.Resumed)
	}
}
