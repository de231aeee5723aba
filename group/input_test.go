package group_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic"
)

// TestInput is what is refused before anything is done, by every call.
func TestInput(t *testing.T) {
	t.Parallel()
	inMemory(1)(t, func(w *world) {
		n, ctx := w.first(), w.Context()
		names := map[string]error{"": nil, "__x": nil, "a\x00": nil, `a"b`: nil, strings.Repeat("x", 257): nil, "b:1": group.ErrNoGroup}
		for name, want := range names {
			_, join := n.Join(ctx, name, group.Joiner{Identity: "ann"})
			_, members := n.Members(ctx, name)
			_, local := n.LocalMembers(ctx, name)
			_, count := n.Count(ctx, name)
			_, has := n.Has(ctx, name, "ann")
			_, meta := n.Meta(ctx, name)
			for call, err := range map[string]error{
				"join": join, "members": members, "local": local, "count": count, "has": has, "meta": meta,
				"publish": n.Publish(ctx, name, "e", nil), "send": n.Send(ctx, name, "k", "e", nil),
				"set": n.SetMeta(ctx, name, nil), "close": n.CloseGroup(ctx, name), "reopen": n.Reopen(ctx, name),
			} {
				var in *topic.InputError
				if want != nil && !errors.Is(err, want) || want == nil && (!errors.As(err, &in) || in.Field != "group") {
					w.Errorf("%s %.10q: %v", call, name, err)
				}
			}
		}
		for want, err := range map[string]error{
			"receiver": n.Enter("a:1", group.Joiner{Identity: "ann"}, nil),
			"data":     n.Publish(ctx, "a:1", "e", []byte(`{`)),
			"event":    n.Publish(ctx, "a:1", "\x00", nil),
		} {
			var in *topic.InputError
			if !errors.As(err, &in) || in.Field != want {
				w.Errorf("%s: %v", want, err)
			}
		}
		if n.Len() != 0 {
			w.Errorf("%d actors", n.Len())
		}
		if _, ok := n.Policy("b:1"); ok {
			w.Error("b:1 has a policy")
		}
	}, policies(group.Policy{Match: "a:*"}))
}

// TestSeats is the program as a member.
func TestSeats(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		ctx := w.Context()
		one, err := w.first().Join(ctx, "g", group.Joiner{Identity: "bot", Role: "admin"})
		if err != nil || one.Key() != "bot" || one.Role() != "admin" {
			w.Fatalf("%+v, %v", one, err)
		}
		two, err := w.first().Join(ctx, "g", group.Joiner{Identity: "bot"})
		if err != nil || two.Role() != "admin" {
			w.Fatalf("%+v, %v", two, err)
		}
		anonymous, err := w.last().Join(ctx, "g", group.Joiner{Connection: "c1"})
		if err != nil || anonymous.Key() != "~c1" {
			w.Fatalf("%+v, %v", anonymous, err)
		}
		w.count("g", 2)
		if err := errors.Join(one.Leave(), one.Leave(), anonymous.Leave()); err != nil {
			w.Error(err)
		}
		w.count("g", 1)
		if err := two.Leave(); err != nil {
			w.Error(err)
		}
		w.count("g", 0)

		w.first().store.set(func(f *faulty) { f.delay = time.Second })
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := w.first().Join(short, "g", group.Joiner{Identity: "late"}); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("a caller that left: %v", err)
		}
		time.Sleep(10 * time.Second)
		w.count("g", 0)
	})
}

type player struct{ Name string }

// TestTyped is the typed face.
func TestTyped(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		ctx := w.Context()
		here, there := group.Of[player](w.first().Groups, "g"), group.Of[player](w.last().Groups, "g")
		if _, err := here.Join(ctx, "ann", "admin", player{"Ann"}); err != nil {
			w.Fatal(err)
		}
		bob := w.last().join(w, "g", "bob", "")
		bob.forget()
		if err := here.Publish(ctx, "start", struct{ Level int }{3}, group.Key("bob")); err != nil {
			w.Fatal(err)
		}
		bob.hears(w, `:start {"Level":3}`)
		w.count("g", 2)
		ms, err := there.Members(ctx)
		if want := "[{ann admin {Ann}} {bob member {}}]"; err != nil || fmt.Sprint(ms) != want {
			w.Errorf("%v, %v", ms, err)
		}
		var in *topic.InputError
		if err := here.Publish(ctx, "start", func() {}); !errors.As(err, &in) {
			w.Errorf("a func: %v", err)
		}
		if ms, err := group.Of[[]int](w.last().Groups, "g").Members(ctx); err == nil {
			w.Errorf("members are %v", ms)
		}
	})
}

// TestStop has members of a node that stops leave, and its callers be told.
func TestStop(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		all := fill(w)
		if err := w.last().Stop(w.Context()); err != nil {
			w.Fatal(err)
		}
		all[0].hears(w, "leave u1 member 1")
		all[1].mu.Lock()
		if got := fmt.Sprint(all[1].order); got != "[closed]" {
			w.Errorf("told %s", got)
		}
		all[1].mu.Unlock()
		late := newClient("late")
		if err := w.last().Enter("g", late.joiner(""), nil); !errors.Is(err, group.ErrStopped) {
			w.Errorf("enter: %v", err)
		}
		if err := w.last().Publish(w.Context(), "g", "hi", nil); !errors.Is(err, group.ErrStopped) {
			w.Errorf("publish: %v", err)
		}
		if n, err := w.first().Count(w.Context(), "g"); n != 1 || err != nil {
			w.Errorf("%d, %v", n, err)
		}
	})
}

// TestReopensByItself has a closed group be open again when its time is over.
func TestReopensByItself(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		fill(w)
		if err := w.first().CloseGroup(w.Context(), "g"); err != nil {
			w.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		if _, err := w.last().Join(w.Context(), "g", group.Joiner{Identity: "ann"}); !errors.Is(err, group.ErrClosed) {
			w.Errorf("before the time: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := w.last().Join(w.Context(), "g", group.Joiner{Identity: "ann"}); err != nil {
			w.Errorf("after it: %v", err)
		}
		w.count("g", 1)
	}, policies(group.Policy{ClosedFor: time.Hour}))
}

// TestIdle has a group that nobody is in let go of its actor, and of all that counts it.
func TestIdle(t *testing.T) {
	t.Parallel()
	inMemory(2)(t, func(w *world) {
		for i := range 100 {
			c := w.first().join(w, fmt.Sprint("g", i), "ann", "")
			if err := w.first().Exit(fmt.Sprint("g", i), c, c); err != nil {
				w.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := w.first().Len(); n != 0 {
			w.Errorf("%d actors", n)
		}
		if n := group.Crowds(w.first().Groups); n != 0 {
			w.Errorf("%d groups are remembered", n)
		}
	})
}
