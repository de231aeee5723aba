package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/topic"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: []topic.Policy{{Match: "live*", History: -1}, {Match: "*"}}})
	c := b.dial()
	c.send(`{"type":"publish","topic":"chat","event":"e","data":{"a":[1, 2]},"ref":"x"}`)
	f := c.next()
	if f["type"] != "published" || f["ref"] != "x" || fmt.Sprint(f["seq"]) != "1" || f["epoch"] == "" || f["duplicate"] != false {
		t.Fatalf("got %v", f)
	}
	c.send(`{"type":"publish","topic":"live","event":"e","data":1,"ref":2}`)
	c.want(`{"type":"published","ref":2,"duplicate":false}`)
	c.send(`{"type":"subscribe","topic":"chat","since":0}`)
	c.want(`{"topic":"chat","event":"e","data":{"a":[1, 2]},"seq":1}`)
	// Numbers and text pass as they are.
	c.send(`{"type":"publish","topic":"chat","event":"e","data":[9007199254740993,1.0,"\u0000\u00e9"]}`)
	c.want(`{"topic":"chat","event":"e","data":[9007199254740993,1.0,"\u0000\u00e9"],"seq":2}`)
}

func TestPublishSameID(t *testing.T) {
	t.Parallel()
	b := start(t, setup{options: gateway.Options{
		Authenticate: func(_ context.Context, r *http.Request) (gateway.Identity, error) {
			return gateway.Identity{ID: r.URL.Query().Get("as")}, nil
		},
	}})
	publish := func(as, id string) string {
		c, _, err := b.dialWith("?as="+as, nil) // each time another connection
		if err != nil {
			t.Fatal(err)
		}
		c.next()
		c.send(`{"type":"publish","topic":"chat","event":"e","id":` + id + `,"ref":1}`)
		f := c.next()
		return fmt.Sprintf("%v %v", f["seq"], f["duplicate"])
	}
	for _, step := range []struct{ as, id, want string }{
		{"ann", `"a"`, "1 false"}, {"ann", `"a"`, "1 true"}, {"bob", `"a"`, "2 false"},
		{"", `"a"`, "3 false"}, {"", `"a"`, "3 true"}, {"ann", `7`, "4 false"}, {"ann", `7`, "4 true"}, {"ann", `"7"`, "4 true"},
	} {
		if got := publish(step.as, step.id); got != step.want {
			t.Fatalf("%s %s: got %s, want %s", step.as, step.id, got, step.want)
		}
	}
}

// TestReplay shows REP-07, REP-08, REP-21.
func TestReplay(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: []topic.Policy{{Match: "live", History: -1}, {Match: "short", History: 2}, {Match: "*"}}})
	for i := 1; i <= 5; i++ {
		b.publish("chat", "e", fmt.Sprint(i))
		b.publish("short", "e", fmt.Sprint(i))
	}
	for i := 1; i <= 250; i++ {
		b.publish("long", "e", fmt.Sprint(i))
	}
	c, other := b.dial(), b.dial()
	other.subscribe("chat")
	c.send(`{"type":"replay","topic":"chat","since":3,"reqId":"q"}`)
	c.want(`{"topic":"__replay:chat","event":"msg","data":{"seq":4,"event":"e","data":4,"reqId":"q"}}`)
	c.want(`{"topic":"__replay:chat","event":"msg","data":{"seq":5,"event":"e","data":5,"reqId":"q"}}`)
	c.want(`{"topic":"__replay:chat","event":"end","data":{"reqId":"q","truncated":false}}`)
	c.send(`{"type":"replay","topic":"chat","since":5}`)
	c.want(`{"topic":"__replay:chat","event":"end","data":{"truncated":false}}`)
	c.send(`{"type":"replay","topic":"short","since":0,"reqId":1}`)
	c.want(`{"topic":"__replay:short","event":"truncated","data":null}`)
	c.raw()
	c.raw()
	c.want(`{"topic":"__replay:short","event":"end","data":{"reqId":1,"truncated":true}}`)
	c.send(`{"type":"replay","topic":"live","since":0,"reqId":1}`)
	c.want(`{"topic":"__replay:live","event":"truncated","data":null}`)
	c.want(`{"topic":"__replay:live","event":"end","data":{"reqId":1,"truncated":true}}`)
	c.send(`{"type":"replay","topic":"long","since":0}`)
	for i := 1; i <= 250; i++ {
		c.want(fmt.Sprintf(`{"topic":"__replay:long","event":"msg","data":{"seq":%d,"event":"e","data":%d}}`, i, i))
	}
	c.want(`{"topic":"__replay:long","event":"end","data":{"truncated":false}}`)
	other.sync() // got nothing of it
}

func TestSessionTakenUp(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 8)
	b := start(t, setup{options: gateway.Options{
		Authenticate: func(_ context.Context, r *http.Request) (gateway.Identity, error) {
			return gateway.Identity{ID: r.URL.Query().Get("as")}, nil
		},
		OnClose: func(context.Context, *gateway.Client, int, []string) { closed <- struct{}{} },
	}})
	connect := func(query string) (*client, string, bool) {
		c, _, err := b.dialWith(query, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := c.next()
		return c, f["sessionId"].(string), f["resumed"].(bool)
	}
	c, id, _ := connect("?as=ann")
	if _, other, resumed := connect("?as=ann&session=" + id); other == id || resumed {
		t.Fatal("a session that lives was taken over")
	}
	_ = c.ws.CloseNow()
	<-closed
	if _, other, resumed := connect("?as=bob&session=" + id); other == id || resumed {
		t.Fatal("somebody else took the session")
	}
	if _, other, resumed := connect("?as=ann&session=" + id); other != id || !resumed {
		t.Fatalf("got %s, %v", other, resumed)
	}
	if _, other, resumed := connect("?as=ann&session=" + id); other == id || resumed {
		t.Fatal("a session was taken up twice")
	}
}

// TestCatchUpThenLive subscribes in the middle of a storm of publishes. Every
// client must see each number once and in order.
func TestCatchUpThenLive(t *testing.T) {
	t.Parallel()
	const events, clients = 2000, 24
	b := start(t, setup{policies: []topic.Policy{{Match: "*", History: events}}})
	var wg sync.WaitGroup
	wg.Go(func() {
		var pending sync.WaitGroup
		for i := range events {
			pending.Add(1)
			err := b.topics.Post("chat", topic.Message{Event: "e", Data: fmt.Append(nil, i)}, func(_ topic.Receipt, err error) {
				if err != nil {
					t.Errorf("publish: %v", err)
				}
				pending.Done()
			})
			if err != nil {
				t.Errorf("post: %v", err)
				pending.Done()
			}
			if i%64 == 0 {
				pending.Wait()
			}
		}
		pending.Wait()
	})
	for n := range clients {
		wg.Go(func() {
			c := b.dial()
			if n%2 == 0 {
				c.send(`{"type":"hello","caps":["batch"]}`)
			}
			c.send(`{"type":"subscribe","topic":"chat","since":0}`)
			if err := follow(c, 0, events); err != nil {
				t.Errorf("client %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// follow reads events until the last number, and fails at a hole or a double.
func follow(c *client, last, until uint64) error {
	check := func(seq uint64) error {
		if seq != last+1 {
			return fmt.Errorf("%d follows %d", seq, last)
		}
		last = seq
		return nil
	}
	type event struct {
		Event string
		Seq   uint64
	}
	for last < until {
		s, err := c.read()
		if err != nil {
			return fmt.Errorf("after %d: %w", last, err)
		}
		var f struct {
			event
			Type   string
			Events []event
		}
		if err := json.Unmarshal([]byte(s), &f); err != nil {
			return fmt.Errorf("%.100s: %w", s, err)
		}
		switch {
		case f.Type == "batch":
			for _, e := range f.Events {
				if err := check(e.Seq); err != nil {
					return err
				}
			}
		case f.Event == "e":
			if err := check(f.Seq); err != nil {
				return err
			}
		case strings.Contains(s, `"ping"`):
		default:
			return fmt.Errorf("unexpected %.200s", s)
		}
	}
	return nil
}

// TestChurn: while one publishes, many subscribe, unsubscribe, resume and vanish.
// Nothing is left of them.
func TestChurn(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: []topic.Policy{{Match: "*", History: 20}}})
	stop := make(chan struct{})
	var publishing, wg sync.WaitGroup
	publishing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.publish(fmt.Sprintf("t%d", i%3), "e", fmt.Sprint(i))
			}
		}
	})
	for n := range 16 {
		wg.Go(func() {
			for round := range 6 {
				c := b.dial()
				for i := range 3 {
					name := fmt.Sprintf("t%d", (n+i)%3)
					c.send(`{"type":"subscribe","topic":"` + name + `","since":0}`)
					c.send(`{"type":"subscribe","topic":"` + name + `","since":3}`)
					c.send(`{"type":"unsubscribe","topic":"` + name + `"}`)
					c.send(`{"type":"resume","lastSeenSeqs":{"` + name + `":2,"__x":1}}`)
				}
				for resumed := 0; resumed < 3; {
					if c.raw() == `{"type":"resumed"}` {
						resumed++
					}
				}
				if round%2 == 0 {
					_ = c.ws.CloseNow()
				} else {
					_ = c.ws.Close(1000, "")
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	publishing.Wait()
	for b.Stats().Connections > 0 {
		runtime.Gosched()
	}
	c := b.dial()
	c.send(`{"type":"resume","lastSeenSeqs":{"t0":0,"t1":0,"t2":0}}`)
	for c.raw() != `{"type":"resumed"}` { // the topics still answer
	}
}
