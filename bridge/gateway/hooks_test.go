package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

// buffer is a log that may be written by many.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// TestHookFaults lets each hook panic, fail, answer in every way and be too slow.
// Each time the client is told, and its connection and the node live on.
func TestHookFaults(t *testing.T) {
	t.Parallel()
	decide := func(ctx context.Context, word string) error {
		switch word {
		case "panic":
			panic("boom")
		case "fail":
			return errors.New("password=hunter2")
		case "deny":
			return gateway.Deny("ask nicely")
		case "forbid":
			return gateway.ErrForbidden
		case "login":
			return gateway.ErrUnauthenticated
		case "slow":
			<-ctx.Done()
			return ctx.Err()
		case "late":
			<-ctx.Done()
		}
		return nil
	}
	logs := &buffer{}
	registry := prometheus.NewRegistry()
	b := start(t, setup{policies: live, options: gateway.Options{
		HookTimeout: 30 * time.Millisecond, Registerer: registry, Logger: slog.New(slog.NewTextHandler(logs, nil)),
		CanSubscribe: func(ctx context.Context, _ *gateway.Client, name string) error { return decide(ctx, name) },
		CanPublish: func(ctx context.Context, _ *gateway.Client, _, event string, _ json.RawMessage) error {
			return decide(ctx, event)
		},
		OnMessage: func(ctx context.Context, _ *gateway.Client, data []byte, _ bool) error {
			return decide(ctx, string(data))
		},
		OnClose: func(context.Context, *gateway.Client, int, []string) { panic("boom") },
	}})
	c := b.dial()
	for word, reason := range map[string]string{
		"panic": "INTERNAL_ERROR", "fail": "INTERNAL_ERROR", "slow": "INTERNAL_ERROR", "late": "INTERNAL_ERROR",
		"deny": "ask nicely", "forbid": "FORBIDDEN", "login": "UNAUTHENTICATED",
	} {
		c.send(`{"type":"subscribe","topic":"` + word + `"}`)
		c.want(`{"type":"subscribe-denied","topic":"` + word + `","reason":"` + reason + `"}`)
		c.send(`{"type":"publish","topic":"t","event":"` + word + `"}`)
		c.want(`{"type":"publish-denied","reason":"` + reason + `"}`)
		c.send(`{"type":"replay","topic":"` + word + `","reqId":1}`)
		c.want(`{"topic":"__replay:` + word + `","event":"denied","data":{"code":"` + reason + `","reqId":1}}`)
	}
	c.send("panic")
	c.send("fail")
	c.subscribe("fine")
	c.send("forbid")
	c.wantClose(gateway.CloseForbidden)
	b.dial().subscribe("the-node-lives")

	const want = `
		# HELP troupe_gateway_hook_faults_total Hooks that panicked, failed or were too slow.
		# TYPE troupe_gateway_hook_faults_total counter
		troupe_gateway_hook_faults_total{hook="close"} 1
		troupe_gateway_hook_faults_total{hook="message"} 2
		troupe_gateway_hook_faults_total{hook="publish"} 4
		troupe_gateway_hook_faults_total{hook="subscribe"} 8
	`
	b.Close()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(strings.Replace(want, `"close"} 1`, `"close"} 2`, 1)), "troupe_gateway_hook_faults_total"); err != nil {
		t.Error(err)
	}
	if n := strings.Count(logs.String(), "hook failed"); n != 16 {
		t.Errorf("%d log lines, want one per fault, 16", n)
	}
}

func TestAuthenticateIgnoresContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := start(t, setup{options: gateway.Options{
		HookTimeout: 20 * time.Millisecond,
		Authenticate: func(context.Context, *http.Request) (gateway.Identity, error) {
			<-release
			return gateway.Identity{}, nil
		},
	}})
	_, resp, err := b.dialWith("", nil)
	close(release)
	if err == nil || resp.StatusCode != http.StatusGatewayTimeout {
		t.Fatalf("got %v, %v", resp, err)
	}
}

func TestClientMethods(t *testing.T) {
	t.Parallel()
	clients := make(chan *gateway.Client, 1)
	b := start(t, setup{policies: live, options: gateway.Options{
		Authenticate: func(context.Context, *http.Request) (gateway.Identity, error) {
			return gateway.Identity{ID: "ann", Roles: []string{"admin"}}, nil
		},
		OnMessage: func(_ context.Context, c *gateway.Client, _ []byte, _ bool) error { clients <- c; return nil },
	}})
	c := b.dial()
	c.subscribe("a")
	c.send("hello")
	hc := <-clients
	if hc.Identity().ID != "ann" || !hc.Identity().HasRole("admin") || !strings.HasPrefix(hc.RemoteAddr(), "127.0.0.1:") {
		t.Errorf("got %v from %s", hc.Identity(), hc.RemoteAddr())
	}
	if got := hc.Topics(); len(got) != 1 || got[0] != "a" || !hc.Follows("a") || hc.Follows("b") {
		t.Errorf("topics are %v", got)
	}
	if err := hc.Send("own", "said", map[string]any{"n": 1}); err != nil {
		t.Fatal(err)
	}
	c.want(`{"topic":"own","event":"said","data":{"n":1}}`)
	if err := hc.Send("own", "said", make(chan int)); err == nil {
		t.Error("data that can not be encoded was sent")
	}
	if err := hc.Send("own", "a\"b", 1); err == nil {
		t.Error("an event with a quote was sent")
	}
	if err := hc.Send("own", "last", 1); err != nil {
		t.Fatal(err)
	}
	hc.Close(4403, strings.Repeat("\u00e9", 100))
	c.want(`{"topic":"own","event":"last","data":1}`)
	c.wantClose(4403)
	b.Close()
	if err := hc.Send("own", "said", 1); !errors.Is(err, gateway.ErrDisconnected) {
		t.Errorf("Send after the end: %v", err)
	}
}

func TestOptionsFaults(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(nil, gateway.Options{
		HookTimeout: -1, Origins: []string{"example.com", "http://a/b"},
		Limits: gateway.Limits{MaxFrame: 1, FramesPerSecond: -2, Connections: -1},
	})
	for _, part := range []string{"node is required", "HookTimeout", `"example.com"`, `"http://a/b"`, "Limits.MaxFrame", "Limits.FramesPerSecond"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "Connections") {
		t.Errorf("-1 sets no limit, but: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Handler did not panic")
		}
	}()
	gateway.Handler(nil, gateway.Options{})
}
