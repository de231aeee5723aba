package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/presence"
)

const (
	watching = `{"type":"subscribed","topic":"__presence:room","ref":7}`
	look     = `{"type":"presence","topic":"room","ref":7}`
	unlook   = `{"type":"unsubscribe","topic":"__presence:room"}`
)

// TestWatch: who asks sees who is there without being there.
func TestWatch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, b *bundle, a, w *client){
		"a watcher is no member": func(t *testing.T, b *bundle, a, w *client) {
			w.send(look)
			w.want(watching)
			w.want(state(0))
			a.send(enterRoom)
			w.want(diff(1, ann, ""))
			if got := b.here("room"); got != "ann" {
				t.Fatalf("there are %q", got)
			}
			w.send(look) // again
			w.want(watching)
			w.send(unlook)
			w.sync()
			a.send(`{"type":"unsubscribe","topic":"room"}`)
			eventually(t, "nobody is there", func() bool { return b.here("room") == "" })
			w.sync() // it heard nothing
			w.send(unlook)
			w.sync()
		},
		"a watcher that subscribes joins on the same seat": func(t *testing.T, b *bundle, a, w *client) {
			w.send(look)
			w.want(watching)
			w.want(state(0))
			w.send(enterRoom)
			w.want(diff(1, bob, ""))
			w.sync()
			w.send(unlook) // ends the watch, not the membership
			w.sync()
			a.send(enterRoom)
			w.want(diff(2, ann, ""))
			if got := b.here("room"); got != "ann bob" {
				t.Fatalf("there are %q", got)
			}
			_ = w.ws.CloseNow()
			members(t, a.next())
			a.want(diff(3, "", bob))
		},
		"a member that asks to watch goes on watching when it leaves": func(t *testing.T, b *bundle, a, w *client) {
			w.send(enterRoom)
			w.want(state(1, bob))
			w.send(look)
			w.want(watching)
			w.send(`{"type":"unsubscribe","topic":"room"}`)
			f := w.next()
			for f["event"] != "presence_state" { // a last word to the member that it was
				f = w.next()
			}
			if got := members(t, f); got["bob"] != nil {
				if f = w.next(); len(leaves(f)) != 1 {
					t.Fatalf("got %v", f)
				}
			}
			a.send(enterRoom)
			f = w.next()
			for len(joins(f)) == 0 {
				f = w.next()
			}
			if got := b.here("room"); got != "ann" {
				t.Fatalf("there are %q", got)
			}
			_ = w.ws.CloseNow()
			eventually(t, "the watcher has gone", func() bool { return b.Stats().Connections == 1 })
		},
		"a watch that is given up at once": func(t *testing.T, b *bundle, a, w *client) {
			for range 50 {
				w.send(`{"type":"presence","topic":"room"}`)
				w.send(unlook)
			}
			w.send(`{"type":"unsubscribe","topic":"__presence:"}`)
			w.send(`{"type":"unsubscribe","topic":"__presence:nobody looks"}`)
			w.send(look)
			for f := w.next(); f["ref"] == nil; f = w.next() {
				if f["event"] != "presence_state" && f["reason"] != "CLOSED" {
					t.Fatalf("got %v", f)
				}
			}
			w.want(state(0))
			a.send(enterRoom)
			w.want(diff(1, ann, ""))
			w.sync()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: beings(memstore.NewLocalRosters())})
			test(t, b, b.dialAs("ann"), b.dialAs("bob"))
		})
	}
}

// TestWatchIsRefused: what one may not read one may not watch.
func TestWatchIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, setup{
		policies: live, beside: beings(memstore.NewLocalRosters(), presence.Policy{Match: "quiet", Off: true}, presence.Policy{Match: "*"}),
		options: gateway.Options{
			Limits: gateway.Limits{MaxTopics: 3},
			CanSubscribe: func(_ context.Context, _ *gateway.Client, name string) error {
				switch name {
				case "secret":
					return gateway.ErrForbidden
				case "late":
					return gateway.Deny("come back tomorrow")
				}
				return nil
			},
		},
	})
	c := b.dial()
	for name, reason := range map[string]string{
		"secret": "FORBIDDEN", "late": "come back tomorrow", "quiet": "FORBIDDEN", "": "INVALID_TOPIC",
		"__presence:room": "INVALID_TOPIC", "__group:x": "INVALID_TOPIC", strings.Repeat("x", 257): "INVALID_TOPIC",
	} {
		c.send(fmt.Sprintf(`{"type":"presence","topic":%q,"ref":1}`, name))
		c.want(fmt.Sprintf(`{"type":"subscribe-denied","topic":"__presence:%s","ref":1,"reason":%q}`, name, reason))
	}
	c.send(`{"type":"presence","topic":"a"}`)
	c.next()
	c.send(`{"type":"subscribe","topic":"b"}`)
	members(t, c.next())
	c.send(`{"type":"presence","topic":"c"}`)
	c.next()
	c.send(`{"type":"presence","topic":"d","ref":1}`)
	c.want(`{"type":"subscribe-denied","topic":"__presence:d","ref":1,"reason":"RATE_LIMITED"}`)
	c.send(`{"type":"subscribe","topic":"d","ref":1}`)
	c.want(`{"type":"subscribe-denied","topic":"d","ref":1,"reason":"RATE_LIMITED"}`)
	c.send(`{"type":"presence","topic":"c","ref":1}`) // it has that one
	c.want(`{"type":"subscribed","topic":"__presence:c","ref":1}`)
}
