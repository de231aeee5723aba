package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOriginAllowed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		host    string
		origins []string
		allowed []string
		want    bool
	}{
		"no origin":              {"a.example", nil, nil, true},
		"same":                   {"a.example", []string{"https://a.example"}, nil, true},
		"same, case":             {"A.example", []string{"HTTPS://a.EXAMPLE"}, nil, true},
		"same, default port":     {"a.example:443", []string{"https://a.example"}, nil, true},
		"same, port in origin":   {"a.example", []string{"http://a.example:80"}, nil, true},
		"other port":             {"a.example", []string{"https://a.example:8443"}, nil, false},
		"port of other scheme":   {"a.example:80", []string{"https://a.example"}, nil, false},
		"other host":             {"a.example", []string{"https://b.example"}, nil, false},
		"suffix":                 {"a.example", []string{"https://evil-a.example"}, nil, false},
		"null":                   {"a.example", []string{"null"}, nil, false},
		"empty":                  {"a.example", []string{""}, nil, false},
		"two":                    {"a.example", []string{"https://a.example", "https://b.example"}, nil, false},
		"no host":                {"", []string{"https://a.example"}, nil, false},
		"list":                   {"a.example", []string{"https://app.example"}, []string{"https://app.example:443"}, true},
		"list, other scheme":     {"a.example", []string{"http://app.example"}, []string{"https://app.example"}, false},
		"list does without self": {"a.example", []string{"https://a.example"}, []string{"https://app.example"}, false},
		"star":                   {"a.example", []string{"null"}, []string{"*"}, true},
		"user":                   {"a.example", []string{"https://x@a.example"}, nil, false},
	} {
		r := &http.Request{Host: test.host, Header: http.Header{}}
		for _, o := range test.origins {
			r.Header.Add("Origin", o)
		}
		if got := originAllowed(r, test.allowed); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	l := Options{Limits: Limits{Upgrades: 10, PerAddress: 20, Connections: 25}}.withDefaults(1).Limits
	now := time.Unix(1000, 0)
	a := newAdmission(l)
	enter := func(addr string, n int) (ok, status int) {
		for range n {
			if s := a.enter(addr, now); s == 0 {
				ok++
			} else {
				status = s
			}
		}
		return ok, status
	}
	if ok, status := enter("a", 15); ok != 10 || status != 429 {
		t.Fatalf("got %d, %d", ok, status)
	}
	now = now.Add(10 * time.Second) // the window before counts in full, and fades
	if ok, status := enter("a", 1); ok != 0 || status != 429 {
		t.Fatalf("got %d, %d", ok, status)
	}
	now = now.Add(5 * time.Second)
	if ok, status := enter("a", 15); ok != 5 || status != 429 {
		t.Fatalf("got %d, %d", ok, status)
	}
	now = now.Add(20 * time.Second)
	if ok, status := enter("a", 7); ok != 5 || status != 429 {
		t.Fatalf("per address: got %d, %d", ok, status)
	}
	if ok, status := enter("b", 6); ok != 5 || status != 503 {
		t.Fatalf("node full: got %d, %d", ok, status)
	}
	a.leave("a")
	if ok, _ := enter("", 1); ok != 1 {
		t.Fatal("a place that was left is taken")
	}
	if a.connected != 2 || a.total != 25 {
		t.Fatalf("got %d addresses, %d connections", a.connected, a.total)
	}
}

// TestAdmissionIsBounded: however many addresses come and go, few are remembered.
func TestAdmissionIsBounded(t *testing.T) {
	t.Parallel()
	a := newAdmission(Options{}.withDefaults(1).Limits)
	now := time.Unix(1000, 0)
	for i := range 3 * maxAddresses {
		addr := fmt.Sprint(i)
		if a.enter(addr, now) != 0 {
			t.Fatal("refused")
		}
		a.leave(addr)
	}
	if n := len(a.addresses); n > maxAddresses {
		t.Fatalf("%d addresses", n)
	}
}

func TestCounted(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"127.0.0.1:5": "", "[::1]:5": "", "[::ffff:127.0.0.1]:5": "", "10.0.0.1:5": "10.0.0.1", "[::ffff:10.0.0.1]:5": "10.0.0.1",
		"[2001:db8:1:2:3:4:5:6]:5": "2001:db8:1:2::/64", "[fe80::1%eth0]:5": "fe80::/64", "pipe": "pipe",
	} {
		if got := counted(remote); got != want {
			t.Errorf("%s: got %q, want %q", remote, got, want)
		}
	}
}

func TestRecent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecent()
		r.add("s1", "ann")
		r.add("s2", "")
		if r.take("s1", "bob") || r.take("s1", "") || !r.take("s1", "ann") || r.take("s1", "ann") || !r.take("s2", "") {
			t.Fatal("a session goes once, to its user")
		}
		r.add("old", "ann")
		time.Sleep(resumeWithin)
		if r.take("old", "ann") {
			t.Fatal("too late")
		}
		for i := range maxRecent + 10 {
			r.add(fmt.Sprint(i), "ann")
		}
		if r.order.Len() != maxRecent || len(r.byID) != maxRecent || r.take("9", "ann") || !r.take("10", "ann") {
			t.Fatalf("%d are remembered", r.order.Len())
		}
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()
	a, err := NewAccess([]AccessRule{
		{Match: "open"},
		{Match: "room:*", Subscribe: []string{"authenticated"}, Publish: []string{"members"}},
		{Match: "staff", Subscribe: []string{"role:admin", "role:ops"}, Publish: []string{"role:admin"}},
		{Match: "news", Publish: []string{"server"}},
		{Match: "hidden", Subscribe: []string{"none"}, Publish: []string{"members", "authenticated"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	nobody, ann, ops := Identity{}, Identity{ID: "ann"}, Identity{ID: "o", Roles: []string{"ops"}}
	for _, test := range []struct {
		who                Identity
		topic              string
		subscribe, publish error
	}{
		{nobody, "open", nil, nil},
		{nobody, "room:1", ErrUnauthenticated, ErrForbidden},
		{ann, "room:1", nil, ErrForbidden},
		{ann, "room:member", nil, nil},
		{nobody, "staff", ErrUnauthenticated, ErrUnauthenticated},
		{ann, "staff", ErrForbidden, ErrForbidden},
		{ops, "staff", nil, ErrForbidden},
		{ops, "news", nil, ErrForbidden},
		{ann, "hidden", ErrForbidden, nil},
		{ann, "unlisted", ErrForbidden, ErrForbidden},
	} {
		s := &session{identity: test.who}
		s.client.s = s
		s.places.add(&receiver{topic: "room:member"})
		if got := a.CanSubscribe(context.Background(), &s.client, test.topic); !errors.Is(got, test.subscribe) {
			t.Errorf("%s subscribes to %s: %v", test.who.ID, test.topic, got)
		}
		if got := a.CanPublish(context.Background(), &s.client, test.topic, "e", nil); !errors.Is(got, test.publish) {
			t.Errorf("%s publishes on %s: %v", test.who.ID, test.topic, got)
		}
	}
	all, err := NewAccess(nil)
	if err != nil || all.CanSubscribe(context.Background(), nil, "x") != nil || all.CanPublish(context.Background(), nil, "x", "e", nil) != nil {
		t.Error("without rules all is allowed")
	}
}

func TestAccessFaults(t *testing.T) {
	t.Parallel()
	_, err := NewAccess([]AccessRule{
		{Match: "a", Subscribe: []string{"members"}}, {Match: "", Publish: []string{"role:"}},
		{Match: "c", Publish: []string{"server", "anyone"}}, {Match: "d", Subscribe: []string{"none", "anyone"}},
	})
	for _, part := range []string{
		`access rule 0 (a): subscribe: "members" is not one of anyone, authenticated, none, role:NAME`, "access rule 1: match: must not be empty",
		"publish: role: needs a name", "rule 2 (c): publish: server must stand alone", "rule 3 (d): subscribe: none must stand alone",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	var p places
	var all []*receiver
	for i := range 3 * shortList {
		r := &receiver{topic: fmt.Sprint(i)}
		all = append(all, r)
		p.add(r)
		if p.len() != i+1 || p.get(r.topic) != r || len(p.all()) != i+1 {
			t.Fatalf("after %d: %d", i+1, p.len())
		}
	}
	for i, r := range all {
		if !p.remove(r) || p.remove(r) || p.get(r.topic) != nil || p.len() != len(all)-i-1 {
			t.Fatalf("remove %d", i)
		}
	}
}

// TestPressure: publishers wait while much waits for the shards, and go on.
func TestPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pressure
		p.wait(context.Background())
		p.add(pressureHigh)
		passed := false
		go func() { p.wait(context.Background()); passed = true }()
		synctest.Wait()
		p.add(-1)
		synctest.Wait()
		if passed {
			t.Fatal("went on too early")
		}
		p.add(-pressureHigh)
		synctest.Wait()
		if !passed {
			t.Fatal("still waits")
		}
		p.add(2 * pressureHigh)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.wait(ctx)
	})
}
