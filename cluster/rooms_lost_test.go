package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/group"
)

// What Redis loses is written back, and nobody is seen to leave for good.
func TestRoomsSurviveEmptiedRedis(t *testing.T) {
	t.Parallel()
	server, a, b := pair(t)
	r := watch(t, a, "room")
	enter(t, a, "room", "ann")
	enter(t, b, "room", "bob")
	if _, err := b.Groups().Join(t.Context(), "team", group.Joiner{Identity: "bob"}); err != nil {
		t.Fatal(err)
	}
	r.has(t, 2)
	life := b.Self()
	if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	names := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		team, err := a.Groups().Members(ctx, "team")
		if err != nil || len(team) != 1 {
			return fmt.Sprint("team: ", team, err)
		}
		keys, err := server.Client(t).Keys(ctx, "*room*").Result()
		if err != nil || !strings.Contains(strings.Join(keys, " "), "members") {
			return fmt.Sprint("keys: ", keys, err)
		}
		return map[bool]string{true: fmt.Sprint(r.count(), " are here")}[r.count() != 2]
	}
	eventually(t, names)
	sees(t, a, 2)
	if now := b.Self(); now != life {
		t.Errorf("b was %v and is %v", life, now)
	}
}

// Redis comes back from an old snapshot, and gives numbers a second time: every roster is as
// its members want it, in Redis and on every node, also for what changes before anybody looks.
func TestRoomsSurviveOldRedis(t *testing.T) {
	t.Parallel()
	server, a, b := pair(t)
	ra, rb := watch(t, a, "room"), watch(t, b, "room")
	ann := enter(t, a, "room", "ann")
	ra.has(t, 1)
	if err := server.Client(t).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	enter(t, b, "room", "bob")
	enter(t, b, "room", "cat")
	rb.has(t, 3)
	if err := a.Presence().Exit("room", ann, ann); err != nil {
		t.Fatal(err)
	}
	rb.has(t, 2)
	server.Kill()
	server.Run(t)
	enter(t, a, "room", "dan")
	for _, r := range []*roll{ra, rb} {
		eventually(t, func() string {
			r.mu.Lock()
			defer r.mu.Unlock()
			if got := strings.Join(slices.Sorted(maps.Keys(r.here)), " "); got != "bob cat dan" {
				return got + " are here"
			}
			return ""
		})
	}
	for _, n := range []*Node{a, b} {
		all, err := n.Presence().List(t.Context(), "room")
		if err != nil || len(all) != 3 {
			t.Errorf("%s lists %v, %v", n.ID(), all, err)
		}
	}
}
