package group_test

import (
	"errors"
	"fmt"
	"maps"

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
	for _, n := range w.nodes { // nobody has joined anew that would tell them
		if err := n.Publish(ctx, "g", "hi", nil); err != nil {
			w.Errorf("says to a group that was opened again: %v", err)
		}
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
