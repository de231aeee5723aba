package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

// limited starts limits over a store, which is in memory if it is nil.
func limited(store ratelimit.Store, policies ...ratelimit.Policy) func(testing.TB, *actors.System) beside {
	return func(t testing.TB, s *actors.System) beside {
		t.Helper()
		if store == nil {
			store = memstore.NewLimits(0)
		}
		l, err := ratelimit.Start(ratelimit.Config{System: s, Store: store, Policies: policies, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { shut(t, "limits", l.Close) })
		return beside{limits: l}
	}
}

// broken is a store of limits that fails.
type broken struct{ ratelimit.Store }

func (broken) Take(context.Context, ratelimit.Policy, []ratelimit.Want) ([]ratelimit.Grant, error) {
	return nil, errDown
}

func perMinute(name string, points int, by ratelimit.By) ratelimit.Policy {
	return ratelimit.Policy{Name: name, Kind: ratelimit.Fixed, Points: points, Interval: time.Minute, By: by}
}

func chat(name string) string {
	if strings.HasPrefix(name, "free") {
		return ""
	}
	return "chat"
}

func publish(name string, ref int) string {
	return fmt.Sprintf(`{"type":"publish","topic":%q,"event":"e","data":1,"ref":%d}`, name, ref)
}

// TestPublishLimit: who publishes faster than the topic's limit is told when it may
// again, and the program is not asked.
func TestPublishLimit(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	b := start(t, setup{
		policies: live, beside: limited(nil, perMinute("chat", 3, ratelimit.ByConnection)),
		options: gateway.Options{PublishLimit: chat, CanPublish: func(context.Context, *gateway.Client, string, string, json.RawMessage) error {
			asked.Add(1)
			return nil
		}},
	})
	c, other := b.dial(), b.dial()
	for i := range 3 {
		c.send(publish("room", i))
		c.want(fmt.Sprintf(`{"type":"published","ref":%d,"duplicate":false}`, i))
	}
	for range 3 {
		c.send(publish("hall", 9))
		f := c.next()
		retry, _ := f["retryAfterMs"].(json.Number).Int64()
		if f["type"] != "publish-denied" || f["reason"] != "RATE_LIMITED" || fmt.Sprint(f["ref"]) != "9" || retry < 1 || retry > 60_000 {
			t.Fatalf("got %v", f)
		}
	}
	c.send(publish("free", 4)) // no limit there
	c.want(`{"type":"published","ref":4,"duplicate":false}`)
	c.send(`{"type":"subscribe","topic":"room","ref":5}`) // nor on anything else
	c.want(`{"type":"subscribed","topic":"room","ref":5}`)
	other.send(publish("free", 1)) // shows the order of asked
	other.want(`{"type":"published","ref":1,"duplicate":false}`)
	other.send(publish("room", 1)) // another connection has its own
	other.want(`{"type":"published","ref":1,"duplicate":false}`)
	c.want(`{"topic":"room","event":"e","data":1}`)
	b.Close()
	if n := asked.Load(); n != 6 {
		t.Errorf("the program was asked %d times, want 6", n)
	}
}

// TestLimitOfIdentity: all connections of a user share theirs, also over a reconnect.
func TestLimitOfIdentity(t *testing.T) {
	t.Parallel()
	b := start(t, setup{
		policies: live, beside: limited(nil, perMinute("chat", 2, ratelimit.ByIdentity)),
		options: gateway.Options{PublishLimit: chat, Authenticate: named},
	})
	for i := range 3 {
		c := b.dialAs("ann")
		c.send(publish("room", 1))
		if f := c.next(); (f["type"] == "published") != (i < 2) {
			t.Fatalf("publish %d: got %v", i, f)
		}
		_ = c.ws.CloseNow()
	}
	c := b.dialAs("bob")
	c.send(publish("room", 1))
	c.want(`{"type":"published","ref":1,"duplicate":false}`)
}

// TestFrameLimit: too many messages of any kind end the connection.
func TestFrameLimit(t *testing.T) {
	t.Parallel()
	for _, message := range []string{`{"type":"hello"}`, `{"type":"dance"}`, `nonsense`} {
		b := start(t, setup{beside: limited(nil, perMinute("frames", 5, ratelimit.ByConnection)), options: gateway.Options{FrameLimit: "frames"}})
		c := b.dial()
		for range 6 {
			c.send(message)
		}
		c.wantClose(4429)
		b.dial().send(message) // not others
	}
	b := start(t, setup{beside: limited(nil, perMinute("frames", 2, ratelimit.ByConnection)), options: gateway.Options{FrameLimit: "frames"}})
	c := b.dial()
	for range 3 {
		if err := c.ws.Write(context.Background(), websocket.MessageBinary, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	c.wantClose(4429)
}

// TestLimitsFailClosed: what nobody can count is refused.
func TestLimitsFailClosed(t *testing.T) {
	t.Parallel()
	policies := []ratelimit.Policy{perMinute("chat", 10, ratelimit.ByConnection), perMinute("door", 10, ratelimit.ByAddress)}
	b := start(t, setup{policies: live, beside: limited(broken{memstore.NewLimits(0)}, policies...), options: gateway.Options{PublishLimit: chat}})
	c := b.dial()
	c.subscribe("room")
	c.send(publish("room", 1))
	if f := c.next(); f["type"] != "publish-denied" || f["reason"] != "UNAVAILABLE" || f["retryAfterMs"] == nil {
		t.Fatalf("got %v", f)
	}
	c.send(publish("free", 1))
	c.want(`{"type":"published","ref":1,"duplicate":false}`)

	b = start(t, setup{policies: live, beside: limited(broken{memstore.NewLimits(0)}, policies...), options: gateway.Options{FrameLimit: "chat"}})
	c = b.dial()
	c.send(`{"type":"subscribe","topic":"room","ref":1}`)
	if f := c.next(); f["type"] != "error" || f["code"] != "UNAVAILABLE" || fmt.Sprint(f["ref"]) != "1" {
		t.Fatalf("got %v", f)
	}
	if n := b.Stats().Subscriptions; n != 0 {
		t.Fatalf("%d subscriptions: a frame was obeyed that nobody counted", n)
	}

	b = start(t, setup{policies: live, beside: limited(broken{memstore.NewLimits(0)}, policies...), options: gateway.Options{UpgradeLimit: "door"}})
	_, resp, err := b.dialWith("", nil)
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("got %v, %v", resp, err)
	}
	if n := b.Stats().Connections; n != 0 {
		t.Fatalf("%d connections", n)
	}
}

// TestUpgradeLimit: too many upgrades, from an address before anybody is asked who it
// is, or of a user afterwards.
func TestUpgradeLimit(t *testing.T) {
	t.Parallel()
	for by, asked := range map[ratelimit.By]int32{ratelimit.ByAddress: 2, ratelimit.ByIdentity: 4} {
		var calls atomic.Int32
		b := start(t, setup{beside: limited(nil, perMinute("door", 2, by)), options: gateway.Options{
			UpgradeLimit: "door",
			Authenticate: func(ctx context.Context, r *http.Request) (gateway.Identity, error) {
				calls.Add(1)
				return named(ctx, r)
			},
		}})
		for i := range 4 {
			c, resp, err := b.dialWith("?as=ann", nil)
			if i < 2 {
				if err != nil {
					t.Fatal(err)
				}
				_ = c.ws.CloseNow()
				continue
			}
			wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
			if resp.StatusCode != http.StatusTooManyRequests || wait < 1 || wait > 60 {
				t.Fatalf("%s: got %v", by, resp)
			}
		}
		if n := calls.Load(); n != asked {
			t.Errorf("%s: Authenticate was called %d times, want %d", by, n, asked)
		}
		if _, _, err := b.dialWith("?as=bob", nil); (err == nil) != (by == ratelimit.ByIdentity) {
			t.Errorf("%s: another user at the same address: %v", by, err)
		}
	}
}

// TestLimitFaults: limits that can not work are found when the gateway starts.
func TestLimitFaults(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, setup{beside: limited(nil, perMinute("chat", 1, ratelimit.ByConnection))})
	_, err := gateway.New(n, gateway.Options{FrameLimit: "frames", UpgradeLimit: "chat"})
	for _, part := range []string{`FrameLimit: there is no limit "frames"`, `UpgradeLimit: "chat" is for each connection`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
	_, err = gateway.New(newNode(t, nil), gateway.Options{FrameLimit: "a", UpgradeLimit: "b", PublishLimit: chat})
	for _, part := range []string{"FrameLimit", "UpgradeLimit", "PublishLimit"} {
		if err == nil || !strings.Contains(err.Error(), part+": the node has no limits") {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
	// A topic may name a limit that there is not. Its publishes are refused.
	b := start(t, setup{policies: live, beside: limited(nil), options: gateway.Options{PublishLimit: chat}})
	c := b.dial()
	c.send(publish("room", 1))
	c.want(`{"type":"publish-denied","ref":1,"reason":"INTERNAL_ERROR"}`)
}
