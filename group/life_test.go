package group_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/group"
)

func metadata(w *world) {
	a, b, ctx := w.first(), w.last(), w.Context()
	expect := func(want map[string]string) {
		w.Helper()
		for i, n := range w.nodes {
			if got, err := n.Meta(ctx, "g"); err != nil || !maps.Equal(got, want) {
				w.Errorf("node %d: %v, %v; want %v", i, got, err, want)
			}
		}
	}
	set := func(n *node, meta map[string]string) {
		w.Helper()
		if err := n.SetMeta(ctx, "g", meta); err != nil {
			w.Fatal(err)
		}
	}
	expect(map[string]string{"topic": "x"})
	set(a, map[string]string{"color": "red", "1": ""})
	set(b, map[string]string{"color": "blue"})
	expect(map[string]string{"topic": "x", "color": "blue", "1": ""})
	set(a, map[string]string{"topic": "y"})
	expect(map[string]string{"topic": "y", "color": "blue", "1": ""})
	set(b, nil)
	expect(map[string]string{})
	set(a, map[string]string{"z": "1"})
	expect(map[string]string{"z": "1"})
	for _, bad := range []map[string]string{{"": "x"}, {"\x00cleared": "x"}, {"a": "\xff"}, {"a": string(make([]byte, group.MaxNote+1))}} {
		if err := a.SetMeta(ctx, "g", bad); err == nil {
			w.Errorf("took %.20q", bad)
		}
	}
	expect(map[string]string{"z": "1"})
	if err := errors.Join(a.CloseGroup(ctx, "g"), b.Reopen(ctx, "g")); err != nil {
		w.Fatal(err)
	}
	expect(map[string]string{"topic": "x"})
}

// fill has a member join on each node, and returns them when each has heard of all.
func fill(w *world) []*client {
	w.Helper()
	var all []*client
	for i, n := range w.nodes {
		all = append(all, n.join(w, "g", fmt.Sprint("u", i), ""))
	}
	w.count("g", len(all))
	w.settle()
	for _, c := range all {
		c.forget()
	}
	return all
}

func closes(w *world) {
	all := fill(w)
	if err := w.first().CloseGroup(w.Context(), "g"); err != nil {
		w.Fatal(err)
	}
	for i, c := range all {
		c.hears(w, "close null")
		w.nodes[i].hooks.sees(w, fmt.Sprintf("join g u%d member", i), "close g")
	}
	w.count("g", 0)
	late := newClient("late")
	late.enter(w, w.last(), "g", "")
	if _, err := late.answer(w); !errors.Is(err, group.ErrClosed) {
		w.Errorf("join: %v", err)
	}
	for i, n := range w.nodes {
		if err := n.Publish(w.Context(), "g", "hi", nil); !errors.Is(err, group.ErrClosed) {
			w.Errorf("node %d publishes: %v", i, err)
		}
		if err := n.SetMeta(w.Context(), "g", map[string]string{"a": "b"}); !errors.Is(err, group.ErrClosed) {
			w.Errorf("node %d sets metadata: %v", i, err)
		}
		if ms, err := n.LocalMembers(w.Context(), "g"); err != nil || len(ms) != 0 {
			w.Errorf("node %d: %v, %v", i, ms, err)
		}
	}
	if err := w.last().CloseGroup(w.Context(), "g"); err != nil { // again
		w.Error(err)
	}
	w.settle()
	for i, c := range all {
		c.hears(w, "close null")
		c.mu.Lock()
		if fmt.Sprint(c.order) != "[left]" {
			w.Errorf("%s: %v", c.identity, c.order)
		}
		c.mu.Unlock()
		w.nodes[i].hooks.sees(w, fmt.Sprintf("join g u%d member", i), "close g")
		if err := w.nodes[i].Exit("g", c, c); err != nil {
			w.Error(err)
		}
	}
}

func closeFails(w *world) {
	all := fill(w)
	for _, before := range []bool{true, false} {
		w.first().store.set(func(f *faulty) {
			if before {
				f.fail = errDown
			} else {
				f.fail, f.late = nil, errDown
			}
		})
		if err := w.first().CloseGroup(w.Context(), "g"); !errors.Is(err, group.ErrUnavailable) || !errors.Is(err, errDown) {
			w.Errorf("close: %v", err)
		}
	}
	w.first().store.set(func(f *faulty) { f.late = nil })
	if err := w.first().CloseGroup(w.Context(), "g"); err != nil {
		w.Fatal(err)
	}
	for _, c := range all {
		c.hears(w, "close null")
	}
	w.count("g", 0)
}

func reopens(w *world) {
	all := fill(w)
	ctx := w.Context()
	if err := w.first().CloseGroup(ctx, "g"); err != nil {
		w.Fatal(err)
	}
	for _, c := range all {
		c.hears(w, "close null")
	}
	if err := w.last().Reopen(ctx, "g"); err != nil {
		w.Fatal(err)
	}
	w.count("g", 0)
	ann := w.first().join(w, "g", "ann", "")
	ann.hears(w, "join ann member 1", "members ann")
	for i, c := range all { // the old members have to join anew
		c.forget()
		c.enter(w, w.nodes[i], "g", "viewer")
		if role, err := c.answer(w); role != "viewer" || err != nil {
			w.Errorf("%s: %q, %v", c.identity, role, err)
		}
	}
	w.count("g", len(all)+1)
	ann.forget()
	if err := w.last().Publish(ctx, "g", "hi", nil); err != nil {
		w.Fatal(err)
	}
	ann.hears(w, ":hi null")
}

func goneWhileJoining(w *world) {
	n := w.first()
	for range 3 {
		ann := newClient("ann")
		ann.enter(w, n, "g", "")
		if err := n.Exit("g", ann, ann); err != nil {
			w.Fatal(err)
		}
		if _, err := ann.answer(w); err == nil {
			// it was a member for a moment: that is over
			continue
		}
	}
	w.count("g", 0)
	bob := w.last().join(w, "g", "bob", "")
	bob.hears(w, "join bob member 1", "members bob")
	if err := w.last().Exit("g", bob, bob); err != nil {
		w.Fatal(err)
	}
	w.count("g", 0)
}

func outage(w *world) {
	ann := w.first().join(w, "g", "ann", "")
	w.count("g", 1)
	for _, n := range w.nodes {
		n.store.set(func(f *faulty) { f.fail = errDown })
	}
	for _, n := range w.nodes {
		for _, name := range []string{"g", "fresh"} {
			bob := newClient("bob")
			bob.enter(w, n, name, "")
			if _, err := bob.answer(w); !errors.Is(err, group.ErrUnavailable) {
				w.Errorf("join %s: %v", name, err)
			}
		}
	}
	if err := w.first().Exit("g", ann, ann); err != nil {
		w.Fatal(err)
	}
	w.eventually("ann left", func() error {
		if ms, err := w.first().LocalMembers(w.Context(), "g"); err != nil || len(ms) != 0 {
			return fmt.Errorf("%v, %v", ms, err)
		}
		return nil
	})
	for _, n := range w.nodes {
		n.store.set(func(f *faulty) { f.fail = nil })
	}
	w.count("g", 0)
	w.count("fresh", 0)
	w.last().join(w, "g", "bob", "")
	w.count("g", 1)
}

// TestCrash is GRP-14 and GRP-15: members of a node that died leave when it is buried,
// and only they; until then they hold their places, and not for longer.
func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run("GRP-14 GRP-15", func(t *testing.T) {
		t.Parallel()
		inMemory(3)(t, crashes, policies(group.Policy{MaxMembers: 3}))
	})
	t.Run("a life that nobody knows", func(t *testing.T) {
		t.Parallel()
		inMemory(2)(t, orphans, policies(group.Policy{MaxMembers: 2}), func(_ int, cfg *group.Config) {
			cfg.Alive = func(life string) bool { return life == "n0-1" }
		})
	})
}

func crashes(w *world) {
	all := fill(w)
	w.crash(w.last())
	late := newClient("late")
	late.enter(w, w.first(), "g", "")
	if _, err := late.answer(w); !errors.Is(err, group.ErrFull) {
		w.Errorf("before: %v", err)
	}
	for range 2 { // two survivors, and twice
		for _, n := range w.nodes[:2] {
			if err := n.Bury(w.Context(), w.last().life); err != nil {
				w.Fatal(err)
			}
		}
	}
	w.count("g", 2)
	for _, c := range all[:2] {
		c.hears(w, "leave u2 member 2")
	}
	w.first().join(w, "g", "late", "")
	w.count("g", 3)
	w.settle()
	all[1].hears(w, "leave u2 member 2", "join late member 3")
}

// orphans has a node disappear that no lease tells of.
func orphans(w *world) {
	all := fill(w)
	w.crash(w.last())
	w.eventually("the orphan leaves", func() error {
		if n, err := w.first().Count(w.Context(), "g"); err != nil || n != 1 {
			time.Sleep(time.Second)
			return fmt.Errorf("%d members (%v)", n, err)
		}
		return nil
	})
	all[0].hears(w, "leave u1 member 1")
}

// TestReborn is a node that was taken for dead, and goes on under another life.
func TestReborn(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		all := fill(w)
		if err := w.last().Bury(w.Context(), w.first().life); err != nil {
			w.Fatal(err)
		}
		w.first().life = "n0-2"
		w.first().Reborn()
		w.count("g", 2)
		w.settle()
		all[1].hears(w, "leave u0 member 1", "join u0 member 2")
		w.crash(w.first())
		if err := w.last().Bury(w.Context(), "n0-2"); err != nil {
			w.Fatal(err)
		}
		w.count("g", 1)
	})
}

// TestEmptied is a backend that lost everything.
func TestEmptied(t *testing.T) {
	t.Parallel()
	inMemory(3)(t, func(w *world) {
		all := fill(w)
		w.empty()
		for _, n := range w.nodes {
			n.Recheck()
		}
		w.count("g", 3)
		w.settle()
		for _, c := range all { // each knows everybody in the end
			words := c.heard()
			w.Log(c.identity, words)
		}
		if err := w.first().Publish(w.Context(), "g", "hi", nil); err != nil {
			w.Fatal(err)
		}
		for _, c := range all {
			w.eventually("hears", func() error {
				if words := c.heard(); len(words) == 0 || words[len(words)-1] != ":hi null" {
					return fmt.Errorf("heard %q", words)
				}
				return nil
			})
		}
	})
}
