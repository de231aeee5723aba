package cursor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func testInbox(p Policy, tell func() error) *inbox {
	p = p.WithDefaults()
	ps := policies{p}
	return newInbox(&ps[0], newMetrics(nil, ps, nil).of(&ps[0]), tell)
}

// drained is what the actor finds, in one line.
func drained(in *inbox) string {
	var words []string
	for _, o := range in.drain(nil) {
		word := o.slot.key + "=" + string(o.data)
		if o.remove {
			word = "-" + o.slot.key
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestInbox(t *testing.T) {
	t.Parallel()
	user := []byte("1")
	gathers, every := Policy{}, Policy{Tick: -1, Throttle: -1}
	for name, c := range map[string]struct {
		policy Policy
		do     func(in *inbox) // keys k and l are there
		want   string
	}{
		"the newest counts": {gathers, func(in *inbox) { _, _ = in.move("k", nil, []byte("1")); _, _ = in.move("k", nil, []byte("22")) }, "k=22"},
		"a shorter one":     {gathers, func(in *inbox) { _, _ = in.move("k", nil, []byte("22")); _, _ = in.move("k", nil, []byte("1")) }, "k=1"},
		"in the order of keys": {gathers, func(in *inbox) {
			_, _ = in.move("l", nil, []byte("1"))
			_, _ = in.move("k", nil, []byte("2"))
			_, _ = in.move("l", nil, []byte("3"))
		}, "l=3 k=2"},
		"every one":     {every, func(in *inbox) { _, _ = in.move("k", nil, []byte("1")); _, _ = in.move("k", nil, []byte("2")) }, "k=1 k=2"},
		"removed":       {gathers, func(in *inbox) { _, _ = in.move("k", nil, []byte("1")); _ = in.remove("k") }, "-k"},
		"removed twice": {gathers, func(in *inbox) { _ = in.remove("k"); _ = in.remove("k") }, "-k"},
		"every one and removed": {every, func(in *inbox) {
			_, _ = in.move("k", nil, []byte("1"))
			_, _ = in.move("k", nil, []byte("2"))
			_ = in.remove("k")
		}, "k=1 -k"},
		"back again":          {gathers, func(in *inbox) { _ = in.remove("k"); _, _ = in.move("k", user, []byte("3")) }, "k=3"},
		"back without a user": {gathers, func(in *inbox) { _ = in.remove("k"); _, _ = in.move("k", nil, []byte("3")) }, "-k"},
		"unknown":             {gathers, func(in *inbox) { _ = in.remove("x"); _, _ = in.move("x", nil, []byte("3")) }, ""},
	} {
		in := testInbox(c.policy, func() error { return nil })
		for _, key := range []string{"k", "l"} {
			if done, err := in.move(key, user, []byte("0")); !done || err != nil {
				t.Fatal(done, err)
			}
		}
		in.drain(nil)
		c.do(in)
		if got := drained(in); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if err := in.remove("k"); err != nil {
			t.Error(err)
		}
		_ = in.remove("l")
		in.drain(nil)
		if in.bytes != 0 || len(in.slots) != 0 {
			t.Errorf("%s: %d bytes and %d slots are left", name, in.bytes, len(in.slots))
		}
	}
}

// The actor is told once, and not while it looks by itself.
func TestInboxTells(t *testing.T) {
	t.Parallel()
	told := 0
	in := testInbox(Policy{}, func() error { told++; return nil })
	put := func(key string) { _, _ = in.move(key, []byte("1"), []byte("2")) }
	check := func(what string, want int) {
		t.Helper()
		if told != want {
			t.Errorf("%s: told %d times, want %d", what, told, want)
		}
	}
	put("k")
	put("l")
	check("two moves", 1)
	ops := in.drain(nil)
	put("k")
	check("while it looks", 1)
	if !in.rest(false, nil, tally{}) {
		t.Error("a move is overlooked")
	}
	in.drain(nil)
	in.rest(true, nil, tally{})
	put("k")
	check("within a tick", 1)
	in.drain(nil)
	held := []*slot{ops[0].slot}
	in.rest(false, held, tally{})
	put("k")
	check("of a held one", 1)
	put("l")
	check("of another one", 2)
	if got := drained(in); got != "k=2 l=2" {
		t.Errorf("drained %s", got)
	}
	in.drain(held)
	in.rest(false, nil, tally{})
	put("k")
	check("not held any more", 3)
}

func TestInboxRefuses(t *testing.T) {
	t.Parallel()
	down := errors.New("full")
	in := testInbox(Policy{}, func() error { return down })
	if _, err := in.move("k", []byte("1"), []byte("2")); !errors.Is(err, down) {
		t.Errorf("move: %v", err)
	}
	if len(in.slots) != 0 || in.bytes != 0 || len(in.ops) != 0 {
		t.Error("a refused move left something")
	}
	in.tell = func() error { return nil }
	in.other = tally{cursors: MaxCursors - 1}
	_, _ = in.move("k", []byte("1"), []byte("2"))
	if _, err := in.move("l", []byte("1"), []byte("2")); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the bound: %v", err)
	}
	if done, err := in.move("k", nil, []byte("3")); !done || err != nil {
		t.Errorf("of one that is there: %v, %v", done, err)
	}
	in.other = tally{bytes: MaxBoardBytes}
	if _, err := in.move("k", nil, []byte("44")); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the bytes: %v", err)
	}
	if _, err := in.move("k", nil, []byte("4")); err != nil {
		t.Errorf("as many bytes: %v", err)
	}
}

// A policy that keeps every move is bounded all the same.
func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	in := testInbox(Policy{Tick: -1, Throttle: -1}, func() error { return nil })
	for i := range 3 * maxOps {
		_, _ = in.move("k", []byte("1"), []byte(fmt.Sprint(i)))
	}
	ops := in.drain(nil)
	if len(ops) != maxOps || string(ops[maxOps-1].data) != fmt.Sprint(3*maxOps-1) {
		t.Errorf("%d ops, the last %s", len(ops), ops[len(ops)-1].data)
	}
}

// Whoever found an inbox before it ended is told so, and what waits is not lost.
func TestInboxEnds(t *testing.T) {
	t.Parallel()
	var all inboxes
	first, second := &actor{}, &actor{}
	mk := func() *inbox { return testInbox(Policy{}, func() error { return nil }) }
	in := all.open("t", first, mk)
	all.open("t", second, mk) // the next one begins before the first has ended
	all.end("t", in, first)
	if all.get("t") != in || in.dead {
		t.Error("the successor's inbox ended")
	}
	_, _ = in.move("k", []byte("1"), []byte("2"))
	all.end("t", in, second)
	if all.get("t") != in {
		t.Error("what waits is lost")
	}
	third := &actor{}
	if all.open("t", third, mk) != in || drained(in) != "k=2" {
		t.Error("what waits is not found")
	}
	all.end("t", in, third)
	if done, err := in.move("k", []byte("1"), []byte("2")); done || err != nil || all.get("t") != nil {
		t.Errorf("a dead inbox took a move: %v, %v", done, err)
	}
}
