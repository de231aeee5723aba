package group_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/group"
)

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
			if err := n.Bury(w.Context(), w.last().present()); err != nil {
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
	inMemory(2)(t, reborn)
}

func reborn(w *world) {
	all := fill(w)
	if err := w.last().Bury(w.Context(), w.first().present()); err != nil {
		w.Fatal(err)
	}
	w.first().revive("n0-2")
	w.count("g", 2)
	all[1].hears(w, "leave u0 member 1", "join u0 member 2")
	w.crash(w.first())
	if err := w.last().Bury(w.Context(), "n0-2"); err != nil {
		w.Fatal(err)
	}
	w.count("g", 1)
}

// TestEmptied is a backend that lost everything.
func TestEmptied(t *testing.T) {
	t.Parallel()
	inMemory(3)(t, emptied)
}

func emptied(w *world) {
	all := fill(w)
	w.empty()
	for _, n := range w.nodes {
		n.Recheck()
	}
	var everybody []string
	for i := range all {
		everybody = append(everybody, fmt.Sprint("u", i))
	}
	w.count("g", len(all))
	for _, c := range all { // each knows everybody in the end
		w.eventually(c.identity+" knows", func() error {
			if got := known(everybody, c.heard()); !slices.Equal(got, everybody) {
				return fmt.Errorf("knows %q after %q", got, c.heard())
			}
			return nil
		})
	}
	w.eventually("words arrive", func() error {
		for _, c := range all {
			c.forget()
		}
		if err := w.first().Publish(w.Context(), "g", "hi", nil); err != nil {
			return err
		}
		w.settle()
		for _, c := range all {
			if words := c.heard(); !slices.Contains(words, ":hi null") {
				return fmt.Errorf("heard %q", words)
			}
		}
		return nil
	})
}

// known is who a client believes is in the group after what it heard.
func known(before []string, words []string) []string {
	in := make(map[string]bool)
	for _, key := range before {
		in[key] = true
	}
	for _, word := range words {
		f := strings.Fields(word)
		switch f[0] {
		case "join":
			in[f[1]] = true
		case "leave":
			delete(in, f[1])
		case "members":
			clear(in)
			if len(f) > 1 {
				for key := range strings.SplitSeq(f[1], ",") {
					in[key] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(in))
}

// TestReopenedAtOnce joins a group that was closed and opened again while its actor
// still looks at what it was.
func TestReopenedAtOnce(t *testing.T) {
	t.Parallel()
	for name, lag := range map[string]func(*faulty){
		"what was read comes late": func(f *faulty) { f.lag = time.Second },
		"calls take long":          func(f *faulty) { f.delay = 300 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(2)(t, func(w *world) {
				fill(w)
				w.first().store.set(lag)
				if err := w.first().CloseGroup(w.Context(), "g"); err != nil {
					w.Fatal(err)
				}
				w.settle() // until the look is under way
				if err := w.last().Reopen(w.Context(), "g"); err != nil {
					w.Fatal(err)
				}
				ann := w.first().join(w, "g", "ann", "")
				time.Sleep(10 * time.Second)
				ann.hears(w, "join ann member 1", "members ann")
				w.count("g", 1)
			})
		})
	}
}

// TestClosedWhileJoining has joins meet the end of their group.
func TestClosedWhileJoining(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 5 * time.Millisecond} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			inMemory(2)(t, func(w *world) { closedWhileJoining(w, takes) })
		})
	}
}

func closedWhileJoining(w *world, takes time.Duration) {
	fill(w)
	w.first().store.set(func(f *faulty) { f.delay = 2 * time.Millisecond })
	var all []*client
	for i := range 10 {
		c := newClient(fmt.Sprint("c", i))
		c.enter(w, w.first(), "g", "")
		all = append(all, c)
		time.Sleep(time.Millisecond / 2)
	}
	time.Sleep(takes)
	if err := w.last().CloseGroup(w.Context(), "g"); err != nil {
		w.Fatal(err)
	}
	for _, c := range all {
		_, err := c.answer(w)
		switch {
		case errors.Is(err, group.ErrClosed):
		case err != nil:
			w.Errorf("%s: %v", c.identity, err)
		default:
			w.eventually("it heard of the end", func() error {
				if words := c.heard(); len(words) == 0 || words[len(words)-1] != "close null" {
					return fmt.Errorf("heard %q", words)
				}
				return nil
			})
		}
	}
	w.count("g", 0)
	if ms, err := w.first().LocalMembers(w.Context(), "g"); err != nil || len(ms) != 0 {
		w.Errorf("%v, %v", ms, err)
	}
	time.Sleep(2 * time.Minute) // nothing keeps the actors
	for _, n := range w.nodes {
		if n.Len() != 0 {
			w.Errorf("%d groups", n.Len())
		}
	}
}

// TestPlaceLost has a node be taken for dead, and another member take the place of its
// own meanwhile: who lost it is told, and is none any more.
func TestPlaceLost(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		ann := w.first().join(w, "g", "ann", "")
		ann.enter(w, w.first(), "g", "") // once more, under the same name
		if _, err := ann.answer(w); err != nil {
			w.Fatal(err)
		}
		if err := w.last().Bury(w.Context(), w.first().present()); err != nil {
			w.Fatal(err)
		}
		bob := w.last().join(w, "g", "bob", "")
		w.first().revive("n0-2")
		w.eventually("ann is told", func() error {
			ann.mu.Lock()
			defer ann.mu.Unlock()
			if n := len(ann.order); n == 0 || ann.order[n-1] != "left" {
				return fmt.Errorf("told %v", ann.order)
			}
			return nil
		})
		w.first().hooks.sees(w, "join g ann member", "leave g ann member")
		if ms, err := w.first().LocalMembers(w.Context(), "g"); err != nil || len(ms) != 0 {
			w.Errorf("%v, %v", ms, err)
		}
		w.count("g", 1)
		bob.hears(w, "join bob member 1", "members bob")
	}, policies(group.Policy{MaxMembers: 1}))
}

// TestAgainWhileClosing has a member join once more while its group is closed: the hooks
// must not count it twice, or below nothing. TestModel found it.
func TestAgainWhileClosing(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		ann := w.first().join(w, "g", "ann", "")
		w.empty() // so that the second join has something to write
		w.first().Recheck()
		w.first().store.set(func(f *faulty) { f.delay = 10 * time.Millisecond })
		ann.data = `{"new":1}`
		ann.enter(w, w.first(), "g", "")
		if err := w.last().CloseGroup(w.Context(), "g"); err != nil {
			w.Fatal(err)
		}
		if _, err := ann.answer(w); !errors.Is(err, group.ErrClosed) {
			w.Errorf("once more: %v", err)
		}
		if n := group.Crowds(w.first().Groups); n != 0 {
			w.Errorf("%d groups are remembered", n)
		}
		if err := w.last().Reopen(w.Context(), "g"); err != nil {
			w.Fatal(err)
		}
		w.first().join(w, "g", "ann", "admin")
		w.first().hooks.sees(w, "join g ann member", "close g", "join g ann admin")
	})
}
