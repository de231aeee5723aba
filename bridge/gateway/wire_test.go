package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/bridge/gateway"
)

func TestWIRE01EventKeyOrder(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	c.subscribe("chat")
	b.publish("chat", "created", `{"id":1}`)
	c.want(`{"topic":"chat","event":"created","data":{"id":1}}`)
}

func TestWIRE02DataAbsentIsNull(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	c.subscribe("chat")
	b.publish("chat", "created", "")
	c.want(`{"topic":"chat","event":"created","data":null}`)
	c.send(`{"type":"publish","topic":"chat","event":"e"}`)
	c.want(`{"topic":"chat","event":"e","data":null}`)
}

func TestWIRE03Seq(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	c.subscribe("a")
	c.subscribe("b")
	for i := 1; i <= 3; i++ {
		b.publish("a", "e", "1")
		c.want(fmt.Sprintf(`{"topic":"a","event":"e","data":1,"seq":%d}`, i))
	}
	b.publish("b", "e", "1")
	c.want(`{"topic":"b","event":"e","data":1,"seq":1}`)
	if err := b.Broadcast("__system", "degraded", map[string]int{"at": 1}); err != nil {
		t.Fatal(err)
	}
	c.want(`{"topic":"__system","event":"degraded","data":{"at":1}}`)
}

func TestWIRE05SubscribeTwice(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	c.send(`{"type":"subscribe","topic":"chat","ref":1}`)
	c.send(`{"type":"subscribe","topic":"chat","ref":2}`)
	if f := c.next(); f["type"] != "subscribed" || f["ref"] != json.Number("1") {
		t.Fatalf("got %v", f)
	}
	if f := c.next(); f["type"] != "subscribed" || f["ref"] != json.Number("2") {
		t.Fatalf("got %v", f)
	}
	b.publish("chat", "e", "1")
	c.want(`{"topic":"chat","event":"e","data":1,"seq":1}`)
	b.publish("chat", "e", "2")
	c.want(`{"topic":"chat","event":"e","data":2,"seq":2}`)
	// With since, what was asked for is sent again, and live goes on.
	c.send(`{"type":"subscribe","topic":"chat","since":1}`)
	c.want(`{"topic":"chat","event":"e","data":2,"seq":2}`)
	b.publish("chat", "e", "3")
	c.want(`{"topic":"chat","event":"e","data":3,"seq":3}`)
	c.send(`{"type":"unsubscribe","topic":"chat"}`)
	c.sync()
	b.publish("chat", "e", "4")
	c.sync()
	if n := b.Stats().Subscriptions; n != 0 {
		t.Fatalf("%d subscriptions left", n)
	}
}

func TestWIRE07BatchBeyondCap(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("t%03d", i)
	}
	list, _ := json.Marshal(names)
	c.send(fmt.Sprintf(`{"type":"subscribe-batch","topics":%s,"ref":"r"}`, list))
	got := map[string]string{}
	for range names {
		f := c.next()
		if f["ref"] != "r" {
			t.Fatalf("got %v", f)
		}
		got[f["topic"].(string)] = fmt.Sprint(f["type"], f["reason"])
	}
	for i, name := range names {
		want := "subscribed<nil>"
		if i >= 256 {
			want = "subscribe-deniedRATE_LIMITED"
		}
		if got[name] != want {
			t.Fatalf("%s: got %s, want %s", name, got[name], want)
		}
	}
	if n := b.Stats().Subscriptions; n != 256 {
		t.Fatalf("%d subscriptions", n)
	}
}

func TestWIRE08BadTopics(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	c := b.dial()
	for name, topicName := range map[string]string{
		"empty": "", "long": strings.Repeat("x", 257), "control": "a\x01b", "newline": "a\n", "quote": `a"b`,
		"backslash": `a\b`, "system": "__x", "unicode": "caf\u00e9", "del": "a\x7f",
	} {
		quoted, _ := json.Marshal(topicName)
		c.send(fmt.Sprintf(`{"type":"subscribe","topic":%s,"ref":1}`, quoted))
		if f := c.next(); f["type"] != "subscribe-denied" || f["reason"] != "INVALID_TOPIC" || f["topic"] != topicName {
			t.Errorf("%s: subscribe got %v", name, f)
		}
		c.send(fmt.Sprintf(`{"type":"publish","topic":%s,"event":"e","ref":1}`, quoted))
		if f := c.next(); f["type"] != "publish-denied" || f["reason"] != "INVALID_TOPIC" {
			t.Errorf("%s: publish got %v", name, f)
		}
		c.send(fmt.Sprintf(`{"type":"replay","topic":%s,"reqId":7}`, quoted))
		if f := c.next(); f["event"] != "denied" {
			t.Errorf("%s: replay got %v", name, f)
		}
	}
	c.subscribe(strings.Repeat("x", 256))
}

func TestAnyScript(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{AnyScript: true}})
	c := b.dial()
	c.subscribe("caf\u00e9")
	c.send(`{"type":"subscribe","topic":"a\u0001","ref":1}`)
	if f := c.next(); f["reason"] != "INVALID_TOPIC" {
		t.Fatalf("got %v", f)
	}
}

func TestWIRE10AckOnlyWithRef(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live})
	c := b.dial()
	c.send(`{"type":"subscribe","topic":"quiet"}`)
	c.send(` { "ref" : "r1" , "topic" : "loud" , "type" : "subscribe" } `)
	c.want(`{"type":"subscribed","topic":"loud","ref":"r1"}`)
	c.sync()
	if n := b.Stats().Subscriptions; n != 2 {
		t.Fatalf("%d subscriptions, want 2", n)
	}
}

func TestWIRE12SystemTopicBeforeHook(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 4)
	b := start(t, setup{options: gateway.Options{
		CanSubscribe: func(_ context.Context, _ *gateway.Client, name string) error { asked <- name; return nil },
		CanPublish: func(_ context.Context, _ *gateway.Client, name, _ string, _ json.RawMessage) error {
			asked <- name
			return nil
		},
	}})
	c := b.dial()
	c.send(`{"type":"subscribe","topic":"__presence:x","ref":1}`)
	c.want(`{"type":"subscribe-denied","topic":"__presence:x","ref":1,"reason":"INVALID_TOPIC"}`)
	c.send(`{"type":"publish","topic":"__presence:x","event":"e","ref":2}`)
	c.want(`{"type":"publish-denied","ref":2,"reason":"INVALID_TOPIC"}`)
	if len(asked) != 0 {
		t.Fatalf("a hook was asked about %s", <-asked)
	}
}

func TestWIRE13MixedBatch(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{
		CanSubscribe: func(_ context.Context, _ *gateway.Client, name string) error {
			if name == "secret" {
				return gateway.ErrForbidden
			}
			return nil
		},
	}})
	c := b.dial()
	c.send(`{"type":"subscribe-batch","topics":["ok","__no","secret"],"ref":5}`)
	got := []string{c.raw(), c.raw(), c.raw()}
	slices.Sort(got)
	want := []string{
		`{"type":"subscribe-denied","topic":"__no","ref":5,"reason":"INVALID_TOPIC"}`,
		`{"type":"subscribe-denied","topic":"secret","ref":5,"reason":"FORBIDDEN"}`,
		`{"type":"subscribed","topic":"ok","ref":5}`,
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestWIRE15UnknownToHook(t *testing.T) {
	t.Parallel()
	type message struct {
		text   string
		binary bool
	}
	got := make(chan message, 8)
	b := start(t, setup{options: gateway.Options{
		OnMessage: func(_ context.Context, _ *gateway.Client, data []byte, binary bool) error {
			got <- message{string(data), binary}
			return nil
		},
	}})
	c := b.dial()
	for _, m := range []message{{"not json", false}, {`{"type":"own","x":1}`, false}, {`[1]`, false}, {`{"no":"type"}`, false}, {"\x00\xff", true}} {
		kind := websocket.MessageText
		if m.binary {
			kind = websocket.MessageBinary
		}
		if err := c.ws.Write(context.Background(), kind, []byte(m.text)); err != nil {
			t.Fatal(err)
		}
		if have := <-got; have != m {
			t.Fatalf("hook got %v, want %v", have, m)
		}
	}
	c.subscribe("still-open")
}

func TestWIRE16TooLarge(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{Limits: gateway.Limits{MaxFrame: 1024}}})
	other := b.dial()
	for name, size := range map[string]int{"by one": 1025, "by far": 1 << 20} {
		c := b.dial()
		c.send(strings.Repeat(" ", 1024)) // exactly at the limit
		if f := c.next(); f["code"] != "INVALID_FRAME" {
			t.Fatalf("%s: got %v", name, f)
		}
		c.send(strings.Repeat("x", size))
		c.wantClose(1009)
	}
	other.subscribe("others-unaffected")
}

func TestWIRE18Welcome(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	ids := map[any]bool{}
	for range 3 {
		c, _, err := b.dialWith("", nil)
		if err != nil {
			t.Fatal(err)
		}
		f := c.next()
		if f["type"] != "welcome" || f["node"] != "n1" || f["resumed"] != false || f["sessionId"] == "" {
			t.Fatalf("first frame is %v", f)
		}
		ids[f["sessionId"]] = true
	}
	if len(ids) != 3 {
		t.Fatalf("ids are not unique: %v", ids)
	}
}
