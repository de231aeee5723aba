package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

const (
	ann = `"ann":{"name":"ANN"}`
	bob = `"bob":{"name":"BOB"}`
)

func state(version int, who ...string) string {
	return fmt.Sprintf(`{"topic":"__presence:room","event":"presence_state","data":{%s},"version":%d}`, strings.Join(who, ","), version)
}

func diff(version int, joins, leaves string) string {
	return fmt.Sprintf(`{"topic":"__presence:room","event":"presence_diff","data":{"joins":{%s},"leaves":{%s}},"version":%d}`, joins, leaves, version)
}

// enterRoom subscribes to room without a ref, so that presence is what comes first.
const enterRoom = `{"type":"subscribe","topic":"room"}`

func TestPresence(t *testing.T) {
	t.Parallel()
	options := gateway.Options{Authenticate: named}
	for name, test := range map[string]func(t *testing.T, b *bundle){
		"PRE-01 a join is told": func(t *testing.T, b *bundle) {
			a := b.dialAs("ann")
			a.send(`{"type":"subscribe","topic":"room","ref":1}`)
			a.want(`{"type":"subscribed","topic":"room","ref":1}`)
			a.want(state(1, ann))
			if got := b.here("room"); got != "ann" {
				t.Fatalf("there are %q", got)
			}
			other := b.dialAs("bob")
			other.send(enterRoom)
			a.want(diff(2, bob, ""))
		},
		"who only reads is not there": func(t *testing.T, b *bundle) {
			a := b.dialAs("ann")
			a.send(`{"type":"subscribe","topic":"room","ref":1,"bare":true}`)
			a.want(`{"type":"subscribed","topic":"room","ref":1}`)
			if got := b.here("room"); got != "" {
				t.Fatalf("there are %q", got)
			}
			a.send(`{"type":"subscribe","topic":"room","ref":2,"bare":1}`)
			a.want(`{"type":"error","ref":2,"code":"INVALID_FRAME","message":"bare must be true or false"}`)
			a.send(`{"type":"subscribe","topic":"room"}`) // and now it is
			a.want(state(1, ann))
		},
		"PRE-02 the joiner gets the complete list": func(t *testing.T, b *bundle) {
			a, other := b.dialAs("ann"), b.dialAs("bob")
			a.send(enterRoom)
			a.want(state(1, ann))
			other.send(enterRoom)
			got := members(t, other.next())
			if len(got) != 2 || string(got["ann"]) != `{"name":"ANN"}` || string(got["bob"]) != `{"name":"BOB"}` {
				t.Fatalf("got %s", got)
			}
		},
		"PRE-03 two tabs are one member": func(t *testing.T, b *bundle) {
			other := b.dialAs("bob")
			other.send(enterRoom)
			other.want(state(1, bob))
			one, two := b.dialAs("ann"), b.dialAs("ann")
			one.send(enterRoom)
			other.want(diff(2, ann, ""))
			two.send(enterRoom)
			members(t, two.next())
			_ = one.ws.CloseNow()
			eventually(t, "one tab is left", func() bool { return b.Stats().Connections == 2 })
			third := b.dialAs("carl") // shows that nothing came before it
			third.send(enterRoom)
			other.want(diff(3, `"carl":{"name":"CARL"}`, ""))
			_ = two.ws.CloseNow()
			other.want(diff(4, "", ann))
			if got := b.here("room"); got != "bob carl" {
				t.Fatalf("there are %q", got)
			}
		},
		"PRE-06 subscribing twice": func(t *testing.T, b *bundle) {
			a := b.dialAs("ann")
			a.send(`{"type":"subscribe","topic":"room","ref":1}`)
			a.send(`{"type":"subscribe","topic":"room","ref":2}`)
			states := 0
			for refs := 0; refs < 2 || states < 1; {
				switch f := a.next(); {
				case f["type"] == "subscribed":
					refs++
				case f["event"] == "presence_state":
					states++
				}
			}
			a.sync()
			b.dialAs("bob").send(enterRoom)
			a.want(diff(2, bob, ""))
		},
		"PRE-14 unsubscribing leaves that topic alone": func(t *testing.T, b *bundle) {
			a, other := b.dialAs("ann"), b.dialAs("bob")
			other.send(enterRoom)
			other.want(state(1, bob))
			a.send(enterRoom)
			members(t, a.next())
			a.send(`{"type":"subscribe","topic":"hall"}`)
			members(t, a.next())
			other.want(diff(2, ann, ""))
			a.send(`{"type":"unsubscribe","topic":"room"}`)
			other.want(diff(3, "", ann))
			if got := b.here("hall"); got != "ann" {
				t.Fatalf("in the hall there are %q", got)
			}
			a.sync() // and the one who left heard nothing of it
			a.send(enterRoom)
			members(t, a.next())
			other.want(diff(4, ann, ""))
		},
		"PRE-08 the anonymous never merge": func(t *testing.T, b *bundle) {
			one, _, err := b.dialWith("", nil)
			if err != nil {
				t.Fatal(err)
			}
			id := one.next()["sessionId"].(string)
			two := b.dial()
			one.send(enterRoom)
			members(t, one.next())
			two.send(enterRoom)
			got := members(t, two.next())
			if len(got) != 2 {
				t.Fatalf("got %s", got)
			}
			if _, shown := got[id]; shown {
				t.Fatal("others see the session's id, with which it could be taken over")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{policies: live, options: options, beside: beings(memstore.NewLocalRosters())})
			test(t, b)
		})
	}
}

// TestPresenceAtOnce shows PRE-33 as clients see it: however many come and go, each
// version is told once and in order, and what is told adds up to who is there.
func TestPresenceAtOnce(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: beings(newGate())})
	w := b.dialAs("watcher")
	w.send(enterRoom)
	f := w.next()
	seen := map[string]bool{"watcher": true}
	version := fmt.Sprint(f["version"])
	var all []*client
	for i := range 30 {
		c := b.dialAs(fmt.Sprint("u", i))
		c.send(enterRoom)
		all = append(all, c)
	}
	take := func(until int) {
		for len(seen) != until {
			f := w.next()
			var last, now int
			_, _ = fmt.Sscan(version, &last)
			version = fmt.Sprint(f["version"])
			if _, _ = fmt.Sscan(version, &now); now != last+1 || f["event"] != "presence_diff" {
				t.Fatalf("after version %d came %v", last, f)
			}
			for _, key := range joins(f) {
				seen[key] = true
			}
			for _, key := range leaves(f) {
				delete(seen, key)
			}
		}
	}
	take(31)
	for i, c := range all {
		if i%2 == 0 {
			_ = c.ws.CloseNow()
		}
	}
	take(16)
	if n := len(strings.Fields(b.here("room"))); n != 16 {
		t.Fatalf("%d are there", n)
	}
}

// TestPresenceNeedsTheTopic: nobody is shown on a topic that has not accepted it.
func TestPresenceNeedsTheTopic(t *testing.T) {
	t.Parallel()
	b := start(t, setup{
		beside: beings(memstore.NewLocalRosters()), log: failing(nil),
		options: gateway.Options{Authenticate: named, CanSubscribe: func(_ context.Context, _ *gateway.Client, name string) error {
			if name == "secret" {
				return gateway.ErrForbidden
			}
			return nil
		}},
	})
	c := b.dialAs("ann")
	c.send(`{"type":"subscribe","topic":"room","ref":1}`)
	c.want(`{"type":"subscribe-denied","topic":"room","ref":1,"reason":"UNAVAILABLE"}`)
	c.send(`{"type":"subscribe","topic":"secret"}`)
	c.want(`{"type":"subscribe-denied","topic":"secret","reason":"FORBIDDEN"}`)
	c.sync()
	for _, name := range []string{"room", "secret"} {
		if got := b.here(name); got != "" {
			t.Errorf("on %s there are %q", name, got)
		}
	}
}

// TestPresenceInFlight: whoever goes while the backend is asked is not there
// afterwards, and nobody hears of it.
func TestPresenceInFlight(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(b *bundle, c *client){
		"PRE-23 the connection closes": func(b *bundle, c *client) {
			_ = c.ws.CloseNow()
			eventually(b.t, "it has ended", func() bool { return b.Stats().Connections == 1 })
		},
		"PRE-24 it unsubscribes, and is on another topic": func(_ *bundle, c *client) {
			c.send(`{"type":"subscribe","topic":"hall","ref":1}`)
			c.want(`{"type":"subscribed","topic":"hall","ref":1}`)
			c.send(`{"type":"unsubscribe","topic":"room"}`)
			c.sync()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newGate()
			b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: beings(store)})
			b.t = t
			w := b.dialAs("bob")
			w.send(enterRoom)
			w.want(state(1, bob))
			c := b.dialAs("ann")
			release, held := store.hold()
			defer release()
			c.send(`{"type":"subscribe","topic":"room","ref":0}`)
			c.want(`{"type":"subscribed","topic":"room","ref":0}`)
			<-held
			leave(b, c)
			release()
			eventually(t, "only bob is left", func() bool { return b.here("room") == "bob" })
			// What was told of ann, if anything, was taken back.
			b.dialAs("carl").send(enterRoom)
			there := map[string]bool{}
			for !there["carl"] {
				f := w.next()
				for _, key := range joins(f) {
					there[key] = true
				}
				for _, key := range leaves(f) {
					delete(there, key)
				}
			}
			if there["ann"] {
				t.Error("ann is shown")
			}
		})
	}
}

// TestPresenceOutage: a topic is followed although nobody can tell who is there, and
// who follows it is shown when there is a backend again.
func TestPresenceOutage(t *testing.T) {
	t.Parallel()
	store := newGate()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: beings(store)})
	store.fail(true)
	c, gone := b.dialAs("ann"), b.dialAs("bob")
	c.subscribe("room")
	gone.subscribe("room")
	_ = gone.ws.CloseNow()
	b.publish("room", "e", "1")
	c.want(`{"topic":"room","event":"e","data":1}`)
	store.fail(false)
	b.node.presence.Recheck()
	if got := members(t, c.next()); len(got) != 1 || got["ann"] == nil {
		t.Fatalf("got %s", got)
	}
}

// TestPresenceOfTheEnded: a session's end leaves everything, and once.
func TestPresenceOfTheEnded(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: counted(registry, memstore.NewLocalRosters())})
	const n = 40
	w := b.dialAs("bob")
	for i := range n {
		w.send(fmt.Sprintf(`{"type":"presence","topic":"t%d","ref":0}`, i))
		w.next() // subscribed
		w.next() // its state
	}
	c := b.dialAs("ann")
	for i := range n {
		c.send(fmt.Sprintf(`{"type":"subscribe","topic":"t%d"}`, i))
		members(t, c.next())
		w.next() // the join
	}
	began := time.Now()
	_ = c.ws.CloseNow()
	left := map[any]bool{}
	for range n {
		f := w.next()
		if len(leaves(f)) != 1 || left[f["topic"]] {
			t.Fatalf("got %v", f)
		}
		left[f["topic"]] = true
	}
	t.Logf("%d topics were left in %s", n, time.Since(began))
	w.sync()
	if got := metric(t, registry, "troupe_presence_receivers"); got != n {
		t.Fatalf("%v receivers, want the %d watches", got, n)
	}
	_ = w.ws.CloseNow()
	eventually(t, "nobody watches", func() bool { return metric(t, registry, "troupe_presence_receivers") == 0 })
}
