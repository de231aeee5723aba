package presence_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

type user struct {
	Name  string `json:"name"`
	Token string `json:"token,omitempty"`
}

func TestTypedFace(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		here := presence.Of[user](c.nodes["a"].Presence, "room")
		there := presence.Of[user](c.nodes["b"].Presence, "room")
		ctx, stop := context.WithCancel(t.Context())
		var got []presence.Change[user]
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ch, err := range there.Watch(ctx) {
				if err != nil {
					t.Errorf("watch: %v", err)
				}
				got = append(got, ch)
			}
		}()
		synctest.Wait()
		s, err := here.Join(ctx, "ann", user{Name: "Ann", Token: "PRE-09 secret"})
		if err != nil {
			t.Fatal(err)
		}
		if all, err := here.List(ctx); err != nil || len(all) != 1 || all["ann"] != (user{Name: "Ann"}) {
			t.Errorf("list right after join: %v, %v", all, err)
		}
		synctest.Wait()
		if err := s.Update(ctx, user{Name: "Anna"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n, err := there.Count(ctx); n != 1 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
		if err := s.Leave(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		<-done
		want := []presence.Change[user]{{Key: "ann", Data: user{Name: "Ann"}}, {Key: "ann", Data: user{Name: "Anna"}}, {Key: "ann", Data: user{Name: "Anna"}, Left: true}}
		if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("watch yields %v, want %v", got, want)
		}
	})
}

func TestWatchWithOtherData(t *testing.T) {
	t.Parallel()
	bubble(t, 1, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		a.client("odd").enter("room", `{"name":7}`)
		synctest.Wait()
		for ch, err := range presence.Of[user](a.Presence, "room").Watch(t.Context()) {
			var fault *topic.DecodeError
			if !errors.As(err, &fault) || ch.Key != "odd" {
				t.Errorf("got %v, %v; want a DecodeError in its place", ch, err)
			}
			break
		}
		if _, err := presence.Of[user](a.Presence, "room").List(t.Context()); err == nil {
			t.Error("list decodes a number as a text")
		}
	})
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	bad := presence.Policy{Select: func(json.RawMessage) json.RawMessage { return json.RawMessage(`{"a":`) }}
	bubble(t, 1, bad, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		var input *topic.InputError
		if _, err := presence.Of[user](a.Presence, "room").Join(t.Context(), "ann", user{}); !errors.As(err, &input) || input.Field != "data" {
			t.Errorf("PRE-11 select that returns no JSON: %v", err)
		}
		a.lists(t, "room", "")
	})
	bubble(t, 1, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		var input *topic.InputError
		for _, key := range []string{"", strings.Repeat("k", roster.MaxKey+1), "a\xff"} {
			if _, err := presence.Of[user](a.Presence, "room").Join(t.Context(), key, user{}); !errors.As(err, &input) || input.Field != "key" {
				t.Errorf("key %q: %v", key, err)
			}
		}
		if _, err := presence.Of[func()](a.Presence, "room").Join(t.Context(), "ann", nil); !errors.As(err, &input) || input.Field != "data" {
			t.Errorf("data that can not be encoded: %v", err)
		}
		huge := user{Name: strings.Repeat("n", roster.MaxValue)}
		if _, err := presence.Of[user](a.Presence, "room").Join(t.Context(), "ann", huge); !errors.As(err, &input) || input.Field != "data" {
			t.Errorf("data that is too large: %v", err)
		}
		if a.Len() != 0 {
			t.Errorf("%d actors for what was refused", a.Len())
		}
	})
}

func TestOff(t *testing.T) {
	t.Parallel()
	bubble(t, 1, presence.Policy{Off: true}, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		if !a.Policy("room").Off {
			t.Error("policy says it is on")
		}
		if err := a.Enter("room", presence.Attendee{Identity: "ann"}); !errors.Is(err, presence.ErrOff) {
			t.Errorf("enter: %v", err)
		}
		if _, err := a.List(t.Context(), "room"); !errors.Is(err, presence.ErrOff) {
			t.Errorf("list: %v", err)
		}
	})
}

// TestGrace: who returns within the grace never left, wherever he returns.
func TestGrace(t *testing.T) {
	t.Parallel()
	for _, back := range []string{"a", "b"} {
		t.Run("back on "+back, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, presence.Policy{Grace: 10 * time.Second}, func(t *testing.T, c *cast) {
				w := c.nodes["b"].client("w").watch("room")
				x := c.nodes["a"].client("ann").enter("room", ann)
				w.heard(t, `presence_state {}`, joinAnn)
				x.exit("room")
				time.Sleep(9 * time.Second)
				y := c.nodes[back].client("ann").enter("room", ann)
				y.sees(t, "ann")
				time.Sleep(time.Minute)
				w.heard(t)
				y.exit("room")
				time.Sleep(9 * time.Second)
				w.heard(t)
				time.Sleep(2 * time.Second)
				w.heard(t, leaveAnn)
			})
		})
	}
}

// TestJoinFailsFast is PRE-26: a join that waits for an answer fails and leaves no
// trace; the gateway's is made up for.
func TestJoinFailsFast(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		w := c.nodes["b"].client("w").watch("room")
		down := errors.New("down")
		a.store.fail(down)
		began := time.Now()
		_, err := presence.Of[user](a.Presence, "room").Join(t.Context(), "ann", user{})
		if !errors.Is(err, presence.ErrUnavailable) || !errors.Is(err, down) {
			t.Errorf("PRE-26 join while the backend is down: %v", err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("PRE-26 it took %s", d)
		}
		x := a.client("bob").enter("room", "")
		time.Sleep(time.Minute)
		a.store.fail(nil)
		time.Sleep(3 * time.Second)
		w.sees(t, "bob")
		x.sees(t, "bob")
		w.heard(t, `presence_state {}`, `presence_diff {"joins":{"bob":{}},"leaves":{}}`)
	})
}

// TestHangingStore: no caller waits longer than the timeout, or its own context.
func TestHangingStore(t *testing.T) {
	t.Parallel()
	bubble(t, 1, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		a.store.mu.Lock()
		a.store.hang = make(chan struct{})
		a.store.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := presence.Of[user](a.Presence, "room").Join(ctx, "ann", user{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("join: %v", err)
		}
		if d := time.Since(began); d != 100*time.Millisecond {
			t.Errorf("join took %s", d)
		}
		if _, err := a.List(t.Context(), "room"); !errors.Is(err, presence.ErrUnavailable) {
			t.Errorf("list: %v", err)
		}
		if d := time.Since(began); d > 6*time.Second {
			t.Errorf("list took %s", d)
		}
		a.store.mu.Lock()
		a.store.hang = nil
		a.store.mu.Unlock()
		time.Sleep(5 * time.Second)
		a.lists(t, "room", "")
	})
}

// TestSecondTabOutlivesFailure is PRE-25: of two tabs that join at once, one whose
// write fails takes nothing from the other.
func TestSecondTabOutlivesFailure(t *testing.T) {
	t.Parallel()
	bubble(t, 2, plain, func(t *testing.T, c *cast) {
		a := c.nodes["a"]
		w := c.nodes["b"].client("w").watch("room")
		hang := make(chan struct{})
		a.store.mu.Lock()
		a.store.hang, a.store.err = hang, errors.New("down")
		a.store.mu.Unlock()
		failed := make(chan error, 1)
		go func() {
			_, err := presence.Of[user](a.Presence, "room").Join(t.Context(), "ann", user{Name: "Ann"})
			failed <- err
		}()
		synctest.Wait()
		a.client("ann").enter("room", ann)
		synctest.Wait()
		close(hang)
		if err := <-failed; !errors.Is(err, presence.ErrUnavailable) {
			t.Errorf("PRE-25 first tab: %v", err)
		}
		a.store.mu.Lock()
		a.store.hang, a.store.err = nil, nil
		a.store.mu.Unlock()
		time.Sleep(3 * time.Second)
		w.heard(t, `presence_state {}`, joinAnn)
		a.lists(t, "room", "ann")
	})
}
