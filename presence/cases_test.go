package presence_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

var plain = presence.Policy{}

const (
	joinAnn  = `presence_diff {"joins":{"ann":{"name":"Ann"}},"leaves":{}}`
	leaveAnn = `presence_diff {"joins":{},"leaves":{"ann":{"name":"Ann"}}}`
	ann      = `{"name":"Ann"}`
)

// TestCases are the cases PRE-* of one or more nodes over the in-memory store; what
// only a socket or Redis can show is tested in the gateway and in package cluster.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		nodes int
		run   func(t *testing.T, c *cast)
	}{
		{"PRE-01 and PRE-02 a join is seen by all, and the joiner sees all", 2, joinIsSeen},
		{"PRE-03 tabs of one user on a node count once", 1, tabsCountOnce},
		{"PRE-05 a user on two nodes is announced once", 2, nodesCountOnce},
		{"PRE-06 joining twice is joining once", 1, joinTwice},
		{"PRE-07 names of the system are refused", 1, systemTopics},
		{"PRE-12 changed data is announced, equal data is not", 2, changedData},
		{"PRE-13 the older tab's data comes back", 2, olderData},
		{"PRE-14 leaving one topic leaves the others", 1, leaveOne},
		{"PRE-16 an unknown room is empty", 1, unknownRoom},
		{"PRE-17 a hundred join at once over two nodes", 2, hundredJoin},
		{"PRE-18 a thousand leave at once", 1, thousandLeave},
		{"PRE-20 and PRE-21 a crashed node's users leave, each told once", 3, nodeCrashes},
		{"PRE-22 idle users stay", 2, idleUsersStay},
		{"PRE-23 and PRE-24 leaving while the join is under way", 2, leaveWhileJoining},
		{"PRE-27 leaving during an outage is announced afterwards", 2, leaveInOutage},
		{"PRE-28 an emptied backend is filled again", 2, emptied},
		{"PRE-29 heartbeats have the users of all nodes", 2, heartbeats},
		{"PRE-30 names with any characters do not interfere", 2, strangeNames},
		{"PRE-33 a join and a leave in one tick are nothing", 1, collapsed},
		{"PRE-36 clear empties, and closing leaves no timers", 2, cleared},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy := plain
			if c.name[:6] == "PRE-29" {
				policy.Heartbeat = 10 * time.Second
			}
			bubble(t, c.nodes, policy, c.run)
		})
	}
}

func joinIsSeen(t *testing.T, c *cast) {
	a, b := c.nodes["a"], c.nodes["b"]
	watcher := b.client("w").watch("room")
	watcher.heard(t, `presence_state {}`)
	x := a.client("ann").enter("room", ann)
	watcher.heard(t, joinAnn)
	x.heard(t, `presence_state {"ann":{"name":"Ann"}}`)
	y := b.client("bob").enter("room", "")
	y.sees(t, "ann bob")
	x.heard(t, `presence_diff {"joins":{"bob":{}},"leaves":{}}`)
	x.sees(t, "ann bob")
	a.lists(t, "room", "ann bob")
	b.lists(t, "room", "ann bob")
}

func tabsCountOnce(t *testing.T, c *cast) {
	a := c.nodes["a"]
	w := a.client("w").watch("room")
	one, two := a.client("ann").enter("room", ann), a.client("ann").enter("room", ann)
	two.sees(t, "ann")
	w.heard(t, `presence_state {}`, joinAnn)
	one.exit("room")
	w.heard(t)
	two.exit("room")
	w.heard(t, leaveAnn)
	a.lists(t, "room", "")
}

func nodesCountOnce(t *testing.T, c *cast) {
	w := c.nodes["a"].client("w").watch("room")
	one := c.nodes["a"].client("ann").enter("room", ann)
	w.heard(t, `presence_state {}`, joinAnn)
	two := c.nodes["b"].client("ann").enter("room", ann)
	two.sees(t, "ann")
	one.exit("room")
	w.heard(t)
	w.sees(t, "ann")
	two.exit("room")
	w.heard(t, leaveAnn)
}

func joinTwice(t *testing.T, c *cast) {
	a := c.nodes["a"]
	w := a.client("w").watch("room")
	x := a.client("ann").enter("room", ann)
	x.heard(t, `presence_state {"ann":{"name":"Ann"}}`)
	x.enter("room", ann)
	x.heard(t)
	if x.joined != 2 {
		t.Errorf("joined was told %d times, want 2", x.joined)
	}
	x.exit("room")
	w.heard(t, `presence_state {}`, joinAnn, leaveAnn)
	x.exit("room")
	w.heard(t)
}

func systemTopics(t *testing.T, c *cast) {
	a := c.nodes["a"]
	var input *topic.InputError
	for _, name := range []string{"__presence:room", "__x", "", "a\x00b"} {
		if err := a.Enter(name, presence.Attendee{Identity: "ann"}); !errors.As(err, &input) || input.Field != "topic" {
			t.Errorf("enter %q: %v", name, err)
		}
		if err := a.Watch(name, nil, 1); !errors.As(err, &input) {
			t.Errorf("watch %q: %v", name, err)
		}
	}
	if a.Len() != 0 {
		t.Errorf("%d actors were spawned", a.Len())
	}
}

func changedData(t *testing.T, c *cast) {
	w := c.nodes["b"].client("w").watch("room")
	x := c.nodes["a"].client("ann").enter("room", ann)
	w.heard(t, `presence_state {}`, joinAnn)
	x.enter("room", `{"name":"Anna"}`)
	w.heard(t, `presence_diff {"joins":{"ann":{"name":"Anna"}},"leaves":{}}`)
	x.enter("room", `{"name": "Anna"}`)
	w.heard(t)
	c.nodes["b"].client("ann").enter("room", `{"name":"Second"}`)
	w.heard(t, `presence_diff {"joins":{"ann":{"name":"Second"}},"leaves":{}}`)
}

func olderData(t *testing.T, c *cast) {
	for _, second := range []string{"a", "b"} {
		room := "room-" + second
		w := c.nodes["b"].client("w").watch(room)
		c.nodes["a"].client("ann").enter(room, ann)
		w.heard(t, `presence_state {}`, joinAnn)
		newer := c.nodes[second].client("ann").enter(room, `{"name":"New"}`)
		w.heard(t, `presence_diff {"joins":{"ann":{"name":"New"}},"leaves":{}}`)
		newer.exit(room)
		w.heard(t, joinAnn)
	}
}

func leaveOne(t *testing.T, c *cast) {
	a := c.nodes["a"]
	x := a.client("ann")
	x.enter("one", ann).enter("two", ann)
	a.lists(t, "one", "ann")
	x.exit("one")
	a.lists(t, "one", "")
	a.lists(t, "two", "ann")
	a.client("nobody").exit("two")
	a.lists(t, "two", "ann")
}

func unknownRoom(t *testing.T, c *cast) {
	c.nodes["a"].lists(t, "nowhere", "")
	time.Sleep(time.Minute)
	synctest.Wait()
	if n := c.nodes["a"].Len(); n != 0 {
		t.Errorf("%d actors stay for a room that was looked at once", n)
	}
}

func hundredJoin(t *testing.T, c *cast) {
	var all []*client
	for i := range 100 {
		n := c.nodes[string(rune('a'+i%2))]
		all = append(all, n.client(fmt.Sprintf("u%03d", i)).enter("room", ""))
	}
	synctest.Wait()
	for _, x := range all {
		x.mu.Lock()
		if len(x.seen) != 100 || len(x.faults) > 0 {
			t.Errorf("%s sees %d users: %v", x.user, len(x.seen), x.faults)
		}
		x.mu.Unlock()
	}
}

func thousandLeave(t *testing.T, c *cast) {
	a := c.nodes["a"]
	room := presence.Of[struct{}](a.Presence, "room")
	w := a.client("w").watch("room")
	all := make([]*presence.Session[struct{}], 2000)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var err error
			if all[i], err = room.Join(t.Context(), fmt.Sprintf("u%04d", i), struct{}{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	before := a.store.count()
	for _, s := range all[:1000] {
		if err := s.Leave(); err != nil {
			t.Error(err)
		}
	}
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.leaves) != 1000 || len(w.seen) != 1000 || len(w.faults) > 0 {
		t.Errorf("%d leaves, %d still seen, %v", len(w.leaves), len(w.seen), w.faults)
	}
	if calls := a.store.count() - before; calls > 100 {
		t.Errorf("%d calls of the store for 1,000 leaves", calls)
	}
}
