package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
)

// at is the data of a cursor event, without the key, which is random.
func at(t testing.TB, f obj, event string) (key string, data string) {
	t.Helper()
	d, _ := f["data"].(obj)
	if f["topic"] != "__cursor:room" || f["event"] != event || d["key"] == nil {
		t.Fatalf("got %v, want %s", f, event)
	}
	if u, ok := d["user"].(obj); ok && u["token"] != nil {
		t.Fatalf("a secret is shown: %v", f)
	}
	return d["key"].(string), fmt.Sprint(d["data"])
}

const noCursors = `{"topic":"__cursor:room","event":"snapshot","data":[]}`

// quick shows every move at once.
var quick = cursor.Policy{Throttle: -1, Tick: -1, MaxData: 100}

func TestCursors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, b *bundle, a, o *client){
		"CUR-08 the connection closes": func(t *testing.T, b *bundle, a, o *client) {
			a.send(`{"type":"cursor","topic":"room","data":[1,2]}`)
			key, data := at(t, o.next(), "update")
			if data != "[1 2]" {
				t.Fatalf("got %s", data)
			}
			_ = a.ws.CloseNow()
			if gone, _ := at(t, o.next(), "remove"); gone != key {
				t.Fatalf("%s went, not %s", gone, key)
			}
			o.sync()
			b.noCursors()
		},
		"CUR-08 it unsubscribes": func(t *testing.T, b *bundle, a, o *client) {
			a.send(`{"type":"cursor","topic":"room","data":1}`)
			at(t, o.next(), "update")
			at(t, a.next(), "update")
			a.send(`{"type":"unsubscribe","topic":"room"}`)
			at(t, o.next(), "remove")
			b.noCursors()
			o.send(`{"type":"cursor","topic":"room","data":2}`)
			at(t, o.next(), "update")
			a.sync() // it hears nothing any more
			a.send(enterRoom)
			if f := a.next(); f["event"] != "snapshot" || len(f["data"].([]any)) != 1 {
				t.Fatalf("got %v", f)
			}
		},
		"CUR-17 data and position": func(t *testing.T, _ *bundle, a, o *client) {
			a.send(`{"type":"cursor","topic":"room","position":{"x":1.50}}`)
			if _, data := at(t, o.next(), "update"); data != "map[x:1.50]" {
				t.Fatalf("got %s", data)
			}
			a.send(`{"type":"cursor","position":2,"topic":"room","data":3}`)
			if _, data := at(t, o.next(), "update"); data != "3" {
				t.Fatalf("got %s", data)
			}
		},
		"CUR-17 who does not follow is refused": func(t *testing.T, b *bundle, a, o *client) {
			for _, topic := range []string{"hall", "", "__cursor:room", "quiet", strings.Repeat("x", 300)} {
				for _, kind := range []string{"cursor", "cursor-snapshot"} {
					a.send(fmt.Sprintf(`{"type":%q,"topic":%q,"data":1,"ref":5}`, kind, topic))
					if f := a.next(); f["type"] != "error" || f["code"] != "FORBIDDEN" || fmt.Sprint(f["ref"]) != "5" {
						t.Fatalf("%s on %q: got %v", kind, topic, f)
					}
				}
			}
			a.send(`{"type":"unsubscribe","topic":"room"}`)
			a.send(`{"type":"cursor","topic":"room","data":1}`)
			if f := a.next(); f["code"] != "FORBIDDEN" {
				t.Fatalf("got %v", f)
			}
			o.sync()
			b.noCursors()
		},
		"CUR-17 too large": func(t *testing.T, _ *bundle, a, o *client) {
			a.send(`{"type":"cursor","topic":"room","data":"` + strings.Repeat("x", 200) + `"}`)
			if f := a.next(); f["code"] != "TOO_LARGE" {
				t.Fatalf("got %v", f)
			}
			o.sync()
		},
		"CUR-09 a snapshot on demand": func(t *testing.T, _ *bundle, a, o *client) {
			a.send(`{"type":"cursor-snapshot","topic":"room"}`)
			a.want(noCursors)
			o.send(`{"type":"cursor","topic":"room","data":1}`)
			at(t, a.next(), "update")
			a.send(`{"type":"cursor-snapshot","topic":"room"}`)
			f := a.next()
			list, _ := f["data"].([]any)
			if f["event"] != "snapshot" || len(list) != 1 {
				t.Fatalf("got %v", f)
			}
			at(t, o.next(), "update")
			o.sync() // it is for one alone
		},
		"CUR-04 two connections of a user": func(t *testing.T, b *bundle, a, o *client) {
			two := b.dialAs("ann")
			two.send(enterRoom)
			two.want(noCursors)
			a.send(`{"type":"cursor","topic":"room","data":1}`)
			one, _ := at(t, o.next(), "update")
			two.send(`{"type":"cursor","topic":"room","data":1}`)
			if other, _ := at(t, o.next(), "update"); other == one {
				t.Fatal("they share a cursor")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{
				policies: live, options: gateway.Options{Authenticate: named},
				beside: pointers(cursor.Policy{Match: "quiet", Off: true}, quick),
			})
			a, o := b.dialAs("ann"), b.dialAs("bob")
			for _, c := range []*client{a, o} {
				c.send(`{"type":"subscribe","topic":"room","ref":1}`)
				c.want(`{"type":"subscribed","topic":"room","ref":1}`)
				c.want(noCursors)
			}
			a.send(`{"type":"subscribe","topic":"quiet","ref":1}`)
			a.want(`{"type":"subscribed","topic":"quiet","ref":1}`)
			test(t, b, a, o)
		})
	}
}

func (b *bundle) noCursors() {
	b.t.Helper()
	eventually(b.t, "there are no cursors", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		list, err := b.node.cursors.List(ctx, "room")
		return err == nil && len(list) == 0
	})
}

// TestCursorOfTheDenied: a cursor that moved while its topic was not yet accepted goes
// with the subscription.
func TestCursorOfTheDenied(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := start(t, setup{
		options: gateway.Options{Authenticate: named}, beside: pointers(quick),
		log: failing(release),
	})
	c := b.dialAs("ann")
	c.send(`{"type":"subscribe","topic":"room","ref":1}`)
	c.send(`{"type":"cursor","topic":"room","data":1}`)
	c.send(`{"type":"cursor-snapshot","topic":"room"}`)
	c.sync()
	close(release)
	c.want(`{"type":"subscribe-denied","topic":"room","ref":1,"reason":"UNAVAILABLE"}`)
	b.noCursors()
	c.send(`{"type":"cursor","topic":"room","data":1}`)
	if f := c.next(); f["code"] != "FORBIDDEN" {
		t.Fatalf("got %v", f)
	}
}

// TestAllAtOnce has clients do everything that they can, end in the middle of it, and
// leaves nothing behind.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: all})
	for round := range 5 {
		var clients []*client
		for i := range 8 {
			c := b.dialAs(fmt.Sprintf("u%d", i%5))
			for j := range 6 {
				topic := fmt.Sprintf("t%d", (i+j+round)%4)
				c.send(`{"type":"presence","topic":"` + topic + `","ref":1}`)
				c.send(`{"type":"subscribe","topic":"` + topic + `","ref":2}`)
				c.send(`{"type":"cursor","topic":"` + topic + `","data":[1,2]}`)
				c.send(`{"type":"join","group":"` + topic + `","ref":3}`)
				if j%3 == 1 {
					c.send(`{"type":"unsubscribe","topic":"` + topic + `"}`)
					c.send(`{"type":"leave","group":"` + topic + `"}`)
				}
				if j%3 == 2 {
					c.send(`{"type":"unsubscribe","topic":"__presence:` + topic + `"}`)
				}
			}
			clients = append(clients, c)
		}
		for i, c := range clients {
			if i%2 == 0 {
				c.send(`{"type":"join","group":"last","ref":"end"}`)
				for f := c.next(); f["ref"] != "end"; f = c.next() {
				}
			}
			_ = c.ws.CloseNow()
		}
	}
	eventually(t, "all connections have ended", func() bool { return b.Stats().Connections == 0 })
	for i := range 4 {
		name := fmt.Sprintf("t%d", i)
		eventually(t, name+" is empty", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			list, err := b.node.cursors.List(ctx, name)
			return b.here(name) == "" && b.count(name) == 0 && err == nil && len(list) == 0
		})
	}
}

// TestOrderOfPresenceAndCursors: what comes with a topic comes behind its answer.
func TestOrderOfPresenceAndCursors(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: func(t testing.TB, s *actors.System) beside {
		x := beings(memstore.NewRosters(nil), presence.Policy{})(t, s)
		x.cursors = pointers(quick)(t, s).cursors
		return x
	}})
	c := b.dialAs("ann")
	c.send(`{"type":"hello","caps":["batch"]}`)
	for i := range 20 {
		c.send(fmt.Sprintf(`{"type":"subscribe","topic":"t%d","ref":%d}`, i, i))
		c.want(fmt.Sprintf(`{"type":"subscribed","topic":"t%d","ref":%d}`, i, i))
		seen := map[any]bool{}
		for range 2 {
			seen[c.next()["event"]] = true
		}
		if !seen["presence_state"] || !seen["snapshot"] {
			t.Fatalf("got %v", seen)
		}
	}
}
