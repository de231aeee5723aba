package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/topic"
)

// TestWIRE19Resume shows REP-22.
func TestWIRE19Resume(t *testing.T) {
	t.Parallel()
	b := start(t, setup{
		policies: []topic.Policy{{Match: "live", History: -1}, {Match: "*"}},
		options: gateway.Options{CanSubscribe: func(_ context.Context, _ *gateway.Client, name string) error {
			if name == "secret" {
				return gateway.ErrForbidden
			}
			return nil
		}},
	})
	var at topic.Position
	for i := 1; i <= 4; i++ {
		at = b.publish("a", "e", fmt.Sprint(i))
		b.publish("secret", "e", fmt.Sprint(i))
	}
	b.publish("b", "e", "1")
	c := b.dial()
	c.send(`{"type":"resume","sessionId":"x","lastSeenSeqs":{"a":2,"b":1,"secret":0,"__x":3,"live":0}}`)
	var got []string
	for {
		s := c.raw()
		if s == `{"type":"resumed"}` {
			break
		}
		got = append(got, s)
	}
	slices.Sort(got)
	want := []string{
		`{"topic":"a","event":"e","data":3,"seq":3}`,
		`{"topic":"a","event":"e","data":4,"seq":4}`,
		`{"type":"subscribe-denied","topic":"__x","reason":"INVALID_TOPIC"}`,
		`{"type":"subscribe-denied","topic":"secret","reason":"FORBIDDEN"}`,
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	b.publish("a", "e", "5")
	c.want(`{"topic":"a","event":"e","data":5,"seq":5}`)

	// Of another epoch, or beyond the newest, everything comes, with a word first.
	for name, frame := range map[string]string{
		"epoch":  fmt.Sprintf(`{"type":"resume","lastSeenSeqs":{"a":4},"epochs":{"a":"%s-not"}}`, at.Epoch),
		"beyond": `{"type":"resume","lastSeenSeqs":{"a":99}}`,
	} {
		c := b.dial()
		c.send(frame)
		if f := c.next(); f["event"] != "truncated" {
			t.Fatalf("%s: got %v", name, f)
		}
		for i := 1; i <= 5; i++ {
			c.want(fmt.Sprintf(`{"topic":"a","event":"e","data":%d,"seq":%d}`, i, i))
		}
		c.want(`{"type":"resumed"}`)
	}
	c = b.dial()
	c.send(`{"type":"resume","lastSeenSeqs":{}}`)
	c.want(`{"type":"resumed"}`)
}

func TestWIRE20Batch(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	for i := 1; i <= 5; i++ {
		b.publish("chat", "e", fmt.Sprint(i))
	}
	able, plain := b.dial(), b.dial()
	able.send(`{"type":"hello","caps":["other","batch",7]}`)
	able.send(`{"type":"subscribe","topic":"chat","since":0}`)
	plain.send(`{"type":"hello"}`)
	plain.send(`{"type":"subscribe","topic":"chat","since":0}`)
	var events []string
	for i := 1; i <= 5; i++ {
		e := fmt.Sprintf(`{"topic":"chat","event":"e","data":%d,"seq":%d}`, i, i)
		events = append(events, e)
		plain.want(e)
	}
	able.want(`{"type":"batch","events":[` + strings.Join(events, ",") + `]}`)
	// One event alone is not worth a batch.
	b.publish("chat", "e", "6")
	able.want(`{"topic":"chat","event":"e","data":6,"seq":6}`)
}

func TestWIRE22Request(t *testing.T) {
	t.Parallel()
	clients := make(chan *gateway.Client, 2)
	inHook := make(chan error, 2)
	b := start(t, setup{options: gateway.Options{
		OnMessage: func(ctx context.Context, c *gateway.Client, _ []byte, _ bool) error {
			_, err := c.Request(ctx, "who", nil)
			inHook <- err
			clients <- c
			return nil
		},
	}})
	c := b.dial()
	c.send("hello")
	if err := <-inHook; !errors.Is(err, gateway.ErrInHook) {
		t.Fatalf("Request in a hook: %v", err)
	}
	hc := <-clients
	type answer struct {
		data json.RawMessage
		err  error
	}
	ask := func(ctx context.Context) chan answer {
		answers := make(chan answer, 1)
		go func() {
			data, err := hc.Request(ctx, "who", map[string]int{"n": 1})
			answers <- answer{data, err}
		}()
		return answers
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	answers := ask(ctx)
	c.want(`{"type":"request","ref":1,"event":"who","data":{"n":1}}`)
	c.send(`{"type":"reply","ref":1,"data":{"name":"ann"}}`)
	if a := <-answers; a.err != nil || string(a.data) != `{"name":"ann"}` {
		t.Fatalf("got %s, %v", a.data, a.err)
	}

	answers = ask(ctx)
	c.want(`{"type":"request","ref":2,"event":"who","data":{"n":1}}`)
	c.send(`{"type":"reply","ref":2,"error":"no"}`)
	var refused *gateway.ReplyError
	if a := <-answers; !errors.As(a.err, &refused) || refused.Message != "no" {
		t.Fatalf("got %v", a.err)
	}

	short, stop := context.WithCancel(ctx)
	answers = ask(short)
	c.want(`{"type":"request","ref":3,"event":"who","data":{"n":1}}`)
	stop()
	if a := <-answers; !errors.Is(a.err, context.Canceled) {
		t.Fatalf("got %v", a.err)
	}
	c.send(`{"type":"reply","ref":3,"data":"late"}`)
	c.send(`{"type":"reply","ref":99,"data":"unasked"}`)
	c.send(`{"type":"reply","data":"no ref"}`)
	if f := c.next(); f["code"] != "INVALID_FRAME" {
		t.Fatalf("got %v", f)
	}

	answers = ask(ctx)
	c.raw()
	_ = c.ws.CloseNow()
	if a := <-answers; !errors.Is(a.err, gateway.ErrDisconnected) {
		t.Fatalf("got %v", a.err)
	}
	if a := <-ask(ctx); !errors.Is(a.err, gateway.ErrDisconnected) {
		t.Fatalf("after the end: %v", a.err)
	}
}

func TestWIRE24CloseHook(t *testing.T) {
	t.Parallel()
	type closed struct {
		code   int
		topics []string
	}
	got := make(chan closed, 1)
	b := start(t, setup{options: gateway.Options{
		OnClose: func(_ context.Context, _ *gateway.Client, code int, subscriptions []string) {
			slices.Sort(subscriptions)
			got <- closed{code, subscriptions}
		},
	}})
	for name, test := range map[string]struct {
		end  func(c *client)
		code int
	}{
		"normal":   {func(c *client) { _ = c.ws.Close(websocket.StatusNormalClosure, "") }, 1000},
		"own code": {func(c *client) { _ = c.ws.Close(4000, "bye") }, 4000},
		"cut":      {func(c *client) { _ = c.ws.CloseNow() }, 1006},
		"ours":     {func(c *client) { c.send("\xff"); c.wantClose(1007) }, 1007},
	} {
		c := b.dial()
		c.subscribe("a")
		c.subscribe("b")
		test.end(c)
		if have := <-got; have.code != test.code || !slices.Equal(have.topics, []string{"a", "b"}) {
			t.Fatalf("%s: hook got %v", name, have)
		}
	}
}

func TestWIRE26Upgrades(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{
		HookTimeout: 50 * time.Millisecond,
		Authenticate: func(ctx context.Context, r *http.Request) (gateway.Identity, error) {
			switch r.URL.Query().Get("as") {
			case "nobody":
				return gateway.Identity{}, fmt.Errorf("no token: %w", gateway.ErrUnauthenticated)
			case "banned":
				return gateway.Identity{}, gateway.ErrForbidden
			case "broken":
				return gateway.Identity{}, errors.New("secret detail")
			case "panic":
				panic("secret detail")
			case "slow":
				<-ctx.Done()
				return gateway.Identity{}, ctx.Err()
			case "expired":
				return gateway.Identity{ID: "x", ExpiresAt: time.Now().Add(-time.Second)}, nil
			}
			return gateway.Identity{ID: "ann"}, nil
		},
	}})
	for as, status := range map[string]int{"nobody": 401, "banned": 403, "broken": 500, "panic": 500, "slow": 504, "expired": 401} {
		_, resp, err := b.dialWith("?as="+as, nil)
		if err == nil || resp == nil || resp.StatusCode != status {
			t.Errorf("%s: got %v, %v, want %d", as, resp, err, status)
		}
	}
	origin := func(o string) int {
		_, resp, _ := b.dialWith("", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {o}}})
		return resp.StatusCode
	}
	if got := origin("http://evil.example"); got != 403 {
		t.Errorf("foreign origin: %d", got)
	}
	if got := origin("http://" + b.addr); got != 101 {
		t.Errorf("own origin: %d", got)
	}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := plain.Get("http://" + b.addr + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != 426 {
		t.Errorf("no upgrade: %d", resp.StatusCode)
	}
}

// TestUpgradeLimits: too many from one address get 429, and beyond the node's
// limit 503. Loopback is not counted, so a middleware says where clients are.
func TestUpgradeLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits gateway.Limits
		let    int
		status int
	}{
		"upgrades":    {gateway.Limits{Upgrades: 3}, 3, 429},
		"per address": {gateway.Limits{PerAddress: 2}, 2, 429},
		"node":        {gateway.Limits{Connections: 4}, 4, 503},
	} {
		b := start(t, setup{
			options: gateway.Options{Limits: test.limits},
			wrap: func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.RemoteAddr = "203.0.113.7:1"
					h.ServeHTTP(w, r)
				})
			},
		})
		for range test.let {
			b.dial()
		}
		_, resp, err := b.dialWith("", nil)
		if err == nil || resp.StatusCode != test.status || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: got %v, %v, want %d", name, resp, err, test.status)
		}
	}
}

// TestMetrics: what a connection does can be seen.
func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, setup{policies: live, options: gateway.Options{Registerer: registry}})
	c := b.dial()
	c.subscribe("chat")
	b.publish("chat", "e", "1")
	c.raw()
	c.send("nonsense")
	c.raw()
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	b.Close()
	if _, _, err := b.dialWith("", nil); err == nil {
		t.Fatal("accepted after Close")
	}
	for line, want := range map[string]float64{
		"troupe_gateway_connections": 0, "troupe_gateway_sessions_total": 1, "troupe_gateway_subscriptions": 0,
		"troupe_gateway_deliveries_total": 1, `troupe_gateway_received_frames_total{subscribe}`: 1,
		"troupe_gateway_received_frames_total{unknown}": 1, "troupe_gateway_refused_upgrades_total{503}": 1,
		"troupe_gateway_closed_total{1000}": 1,
	} {
		if got := metric(t, registry, line); got != want {
			t.Errorf("%s is %v, want %v", line, got, want)
		}
	}
	for _, name := range []string{"troupe_gateway_sent_bytes_total", "troupe_gateway_received_bytes_total", "troupe_gateway_writes_total"} {
		if metric(t, registry, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
}

// metric reads name, or name{label}.
func metric(t *testing.T, r *prometheus.Registry, line string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	name, label, _ := strings.Cut(strings.TrimSuffix(line, "}"), "{")
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", line)
	return 0
}
