package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
)

func join(name, role string, ref int) string {
	return fmt.Sprintf(`{"type":"join","group":%q,"role":%q,"ref":%d}`, name, role, ref)
}

func joined(name, role string, ref int) string {
	return fmt.Sprintf(`{"type":"joined","group":%q,"role":%q,"ref":%d}`, name, role, ref)
}

func denied(name, reason string, ref int) string {
	return fmt.Sprintf(`{"type":"join-denied","group":%q,"reason":%q,"ref":%d}`, name, reason, ref)
}

// said is what a group says of itself on lobby.
func said(event, data string) string {
	return fmt.Sprintf(`{"topic":"__group:lobby","event":%q,"data":%s,"system":true}`, event, data)
}

const (
	annMember = `{"key":"ann","role":"member","data":{"name":"ANN"}`
	bobAdmin  = `{"key":"bob","role":"admin","data":{"name":"BOB"}`
)

func TestGroups(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, b *bundle, a, o *client){
		"GRP-23 joined, then the own join, then members": func(_ *testing.T, _ *bundle, a, o *client) {
			a.send(join("lobby", "", 1))
			a.want(joined("lobby", "member", 1))
			a.want(said("join", annMember+`,"count":1}`))
			a.want(said("members", `[`+annMember+`}]`))
			o.send(join("lobby", "admin", 2))
			o.want(joined("lobby", "admin", 2))
			o.want(said("join", bobAdmin+`,"count":2}`))
			o.next() // members, in any order
			a.want(said("join", bobAdmin+`,"count":2}`))
		},
		"GRP-02 joining again": func(t *testing.T, b *bundle, a, o *client) {
			b.gather("lobby", a, o)
			a.send(join("lobby", "admin", 1)) // its role stays
			a.want(joined("lobby", "member", 1))
			o.sync()
			two := b.dialAs("ann")
			two.send(join("lobby", "", 1))
			two.want(joined("lobby", "member", 1))
			if n := b.count("lobby"); n != 2 {
				t.Fatalf("%d members", n)
			}
			o.sync()
			_ = two.ws.CloseNow()
			eventually(t, "it has gone", func() bool { return b.Stats().Connections == 2 })
			o.sync()
			a.send(`{"type":"leave","group":"lobby"}`)
			o.want(said("leave", `{"key":"ann","role":"member","count":1}`))
			a.sync() // it does not hear of it
			a.send(join("lobby", "viewer", 3))
			a.want(joined("lobby", "viewer", 3))
		},
		"GRP-11 a group that is closed": func(t *testing.T, b *bundle, a, o *client) {
			b.gather("lobby", a, o)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := b.node.groups.CloseGroup(ctx, "lobby"); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*client{a, o} {
				c.want(said("close", `null`))
				c.send(join("lobby", "", 1))
				c.want(denied("lobby", "CLOSED", 1))
				c.send(`{"type":"leave","group":"lobby"}`)
				c.sync()
			}
			if err := b.node.groups.Reopen(ctx, "lobby"); err != nil {
				t.Fatal(err)
			}
			b.gather("lobby", a, o)
		},
		"GRP-16 the connection closes": func(t *testing.T, b *bundle, a, o *client) {
			b.gather("lobby", a, o)
			_ = a.ws.CloseNow()
			o.want(said("leave", `{"key":"ann","role":"member","count":1}`))
			if n := b.count("lobby"); n != 1 {
				t.Fatalf("%d members", n)
			}
		},
		"GRP-19 events of the program": func(t *testing.T, b *bundle, a, o *client) {
			b.gather("lobby", a, o)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			for _, event := range []string{"close", "join", "members", "__role_filtered"} {
				if err := b.node.groups.Publish(ctx, "lobby", event, []byte(`{"system":true}`)); err != nil {
					t.Fatal(err)
				}
				for _, c := range []*client{a, o} {
					c.want(fmt.Sprintf(`{"topic":"__group:lobby","event":%q,"data":{"system":true}}`, event))
				}
			}
			if err := b.node.groups.Send(ctx, "lobby", "bob", "psst", []byte(`1`)); err != nil {
				t.Fatal(err)
			}
			o.want(`{"topic":"__group:lobby","event":"psst","data":1}`)
			a.sync()
			a.send(join("lobby", "", 1)) // and it is a member still
			a.want(joined("lobby", "member", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: gathering(memstore.NewLocalRosters())})
			test(t, b, b.dialAs("ann"), b.dialAs("bob"))
		})
	}
}

// gather has ann join as a member and bob as an admin, and reads what they are told.
func (b *bundle) gather(name string, a, o *client) {
	b.t.Helper()
	a.send(join(name, "", 0))
	for range 3 { // joined, join, members
		a.next()
	}
	o.send(join(name, "admin", 0))
	for range 3 {
		o.next()
	}
	a.want(said("join", bobAdmin+`,"count":2}`))
}

func (b *bundle) count(name string) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := b.node.groups.Count(ctx, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestJoinIsDenied has a client refused for every reason there is.
func TestJoinIsDenied(t *testing.T) {
	t.Parallel()
	store := newGate()
	asked := make(chan string, 100)
	b := start(t, setup{
		policies: live,
		beside:   gathering(store, group.Policy{Match: "small:*", MaxMembers: 1}, group.Policy{Match: "secret"}, group.Policy{Match: "odd"}),
		options: gateway.Options{Authenticate: named, CanJoin: func(_ context.Context, c *gateway.Client, name, role string) error {
			asked <- name + " " + role
			switch {
			case name == "secret" && c.Identity().ID == "":
				return gateway.ErrUnauthenticated
			case name == "secret" && role != "viewer":
				return gateway.ErrForbidden
			case name == "odd":
				return errors.New("broken")
			}
			return nil
		}},
	})
	c := b.dialAs("ann")
	ref := 0
	refused := func(name, role, reason string) {
		t.Helper()
		ref++
		c.send(join(name, role, ref))
		c.want(denied(name, reason, ref))
	}
	b.dialAs("bob").send(join("small:1", "", 1))
	if got := <-asked; got != "small:1 member" {
		t.Fatalf("asked for %q", got)
	}
	eventually(t, "bob is in", func() bool { return b.count("small:1") == 1 })
	refused("small:1", "", "FULL")
	refused("small:1", "", "FULL") // each time
	refused("small:2", "king", "INVALID_ROLE")
	refused("other", "", "FORBIDDEN") // no policy matches
	refused("secret", "", "FORBIDDEN")
	refused("odd", "", "INTERNAL_ERROR")
	refused("", "", "INVALID_TOPIC")
	refused("__presence:room", "", "INVALID_TOPIC")
	refused(strings.Repeat("x", 300), "", "INVALID_TOPIC")
	store.fail(true)
	refused("small:3", "", "UNAVAILABLE")
	store.fail(false)
	nobody := b.dial()
	nobody.send(join("secret", "", 1))
	nobody.want(denied("secret", "UNAUTHENTICATED", 1))
	// After all this it can still join, and is nowhere else.
	c.send(join("secret", "viewer", 0))
	c.want(joined("secret", "viewer", 0))
	for range 2 {
		c.next()
	}
	c.send(join("small:3", "", 0))
	c.want(joined("small:3", "member", 0))
	if n := b.count("small:1"); n != 1 {
		t.Fatalf("%d members", n)
	}
	off := start(t, setup{policies: live})
	c = off.dial()
	c.send(join("lobby", "", 1))
	c.want(denied("lobby", "FORBIDDEN", 1))
}

// TestJoinInFlight: a client that goes while its join is under way is not a member
// afterwards, and its place is free.
func TestJoinInFlight(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, b *bundle, c *client, release func()){
		"GRP-16 the connection closes": func(t *testing.T, b *bundle, c *client, release func()) {
			_ = c.ws.CloseNow()
			eventually(t, "it has ended", func() bool { return b.Stats().Connections == 1 })
			release()
		},
		"GRP-16 it leaves": func(t *testing.T, _ *bundle, c *client, release func()) {
			c.send(join("lobby", "viewer", 2)) // shares the fate of the first
			c.send(`{"type":"leave","group":"lobby"}`)
			c.send(`{"type":"leave","group":"lobby"}`)
			c.want(denied("lobby", "CLOSED", 1))
			c.want(denied("lobby", "CLOSED", 2))
			release()
			c.sync()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newGate()
			b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: gathering(store, group.Policy{MaxMembers: 1})})
			b.t = t
			c, o := b.dialAs("ann"), b.dialAs("bob")
			release, held := store.hold()
			defer release()
			c.send(join("lobby", "", 1))
			<-held
			leave(t, b, c, release)
			eventually(t, "nobody is in", func() bool { return b.count("lobby") == 0 })
			o.send(join("lobby", "", 1))
			o.want(joined("lobby", "member", 1))
		})
	}
}

// TestManyGroups: a client can be in as many groups as it can follow topics, and its
// end leaves all of them.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	b := start(t, setup{policies: live, options: gateway.Options{Authenticate: named}, beside: gathering(memstore.NewLocalRosters())})
	c := b.dialAs("ann")
	c.subscribe("room")
	for i := range 1000 {
		c.send(join(fmt.Sprint("g", i), "", i))
	}
	got := map[string]int{}
	for got["joined"]+got["join-denied"] < 1000 || got["members"] < 999 {
		f := c.next()
		for _, what := range []string{"type", "event", "reason"} {
			if s, ok := f[what].(string); ok {
				got[s]++
			}
		}
	}
	if got["joined"] != 999 || got["RATE_LIMITED"] != 1 || got["members"] != 999 || got["join"] != 999 {
		t.Fatalf("got %v", got)
	}
	c.send(`{"type":"leave","group":"g0"}`)
	c.send(join("g999", "", 1))
	c.want(joined("g999", "member", 1))
	_ = c.ws.CloseNow()
	eventually(t, "it is nowhere", func() bool {
		for _, i := range []int{0, 1, 500, 998, 999} {
			if b.count(fmt.Sprint("g", i)) != 0 {
				return false
			}
		}
		return true
	})
}
