package cluster

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

// A roll is an Outlet that counts who came and who left, by what presence says.
type roll struct {
	mu     sync.Mutex
	here   map[string]bool
	leaves map[string]int
	states int
}

func newRoll() *roll { return &roll{here: map[string]bool{}, leaves: map[string]int{}} }

func (r *roll) Deliver(_ string, b *topic.Batch) { r.hear(b.Events) }

func (r *roll) Joined(_ string, _ any, j topic.Joined) {
	if j.Missed != nil {
		r.hear(j.Missed.Events)
	}
}

func (r *roll) Left(string, any)         {}
func (r *roll) Closed(_ string, _ error) {}

func (r *roll) hear(evs []*topic.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range evs {
		switch e.Name() {
		case "presence_state":
			var state map[string]json.RawMessage
			if json.Unmarshal(e.Data(), &state) == nil {
				clear(r.here)
				for key := range state {
					r.here[key] = true
				}
				r.states++
			}
		case "presence_diff":
			var diff struct{ Joins, Leaves map[string]json.RawMessage }
			if json.Unmarshal(e.Data(), &diff) == nil {
				for key := range diff.Joins {
					r.here[key] = true
				}
				for key := range diff.Leaves {
					delete(r.here, key)
					r.leaves[key]++
				}
			}
		}
	}
}

func (r *roll) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.here)
}

// has waits until so many are here.
func (r *roll) has(t *testing.T, want int) {
	t.Helper()
	eventually(t, func() string {
		if got := r.count(); got != want {
			return fmt.Sprintf("%d are here, want %d", got, want)
		}
		return ""
	})
}

// leftOnce checks that so many left, each once.
func (r *roll) leftOnce(t *testing.T, want int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, n := range r.leaves {
		if n != 1 {
			t.Errorf("%s left %d times", key, n)
		}
	}
	if len(r.leaves) != want {
		t.Errorf("%d left, want %d", len(r.leaves), want)
	}
}

func watch(t *testing.T, n *Node, of string) *roll {
	t.Helper()
	r := newRoll()
	if err := n.Presence().Watch(of, r, r); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return map[bool]string{true: "no state came"}[r.states == 0]
	})
	return r
}

// sees waits until a node sees so many members of the cluster.
func sees(t *testing.T, n *Node, want int) {
	t.Helper()
	eventually(t, func() string { return map[bool]string{true: fmt.Sprint(n.Members())}[len(n.Members()) != want] })
}

func enter(t *testing.T, n *Node, of, who string) *roll {
	t.Helper()
	r := newRoll()
	if err := n.Presence().Enter(of, presence.Attendee{Outlet: r, Receiver: r, Identity: who, Connection: "c-" + who}); err != nil {
		t.Fatal(err)
	}
	return r
}

// killable starts a node whose way to the backend can be cut for good: to the others that is as if
// its process had been killed.
func killable(t *testing.T, server shared, id string) (n *Node, kill func()) {
	t.Helper()
	way := server.proxied(t)
	way.cfg.ID = id
	n = startOn(t, way.cfg)
	return n, func() {
		way.proxy.Refuse()
		_ = n.Close() // can not clean up after itself, and so does not give its lease back
	}
}

// A thousand users in a hundred topics are on a node that is killed: the others' clients see
// each leave once, and soon; so do members of groups.
func TestKilledNodeIsCleanedUpAfter(t *testing.T) { onPeace(t, testKilledNodeIsCleanedUpAfter) }

func testKilledNodeIsCleanedUpAfter(t *testing.T, server shared) {
	const topics, each = 100, 10
	both := nodesOn(t, server, 2)
	c, kill := killable(t, server, "c")
	var rolls []*roll
	for i := range topics {
		of := fmt.Sprint("room:", i)
		for _, n := range both {
			rolls = append(rolls, watch(t, n, of))
		}
		for j := range each {
			enter(t, c, of, fmt.Sprintf("user-%d-%d", i, j))
		}
		enter(t, both[0], of, "stays")
	}
	if _, err := c.Groups().Join(t.Context(), "team", group.Joiner{Identity: "cat"}); err != nil {
		t.Fatal(err)
	}
	for _, r := range rolls {
		r.has(t, each+1)
	}
	kill()
	killed := time.Now()
	for _, r := range rolls {
		r.has(t, 1)
	}
	took := time.Since(killed)
	t.Logf("%d users had left after %v", topics*each, took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	eventually(t, func() string {
		members, err := both[1].Groups().Members(t.Context(), "team")
		return map[bool]string{true: fmt.Sprint(members, err)}[err != nil || len(members) > 0]
	})
	for _, r := range rolls {
		r.leftOnce(t, each)
	}
}

// A node that can not clean up after itself does not give its lease back.
func TestUncleanNodeIsLeftToOthers(t *testing.T) { onPeace(t, testUncleanNodeIsLeftToOthers) }

func testUncleanNodeIsLeftToOthers(t *testing.T, server shared) {
	a := nodesOn(t, server, 1)[0]
	c, kill := killable(t, server, "c")
	r := watch(t, a, "room")
	enter(t, c, "room", "ann")
	r.has(t, 1)
	sees(t, a, 2)
	kill()
	if n := len(a.Members()); n != 2 {
		t.Errorf("a sees %d members, want the dead one too", n)
	}
	r.has(t, 0)
	r.leftOnce(t, 1)
}

// A node that drains takes its members along at once, and is not cleaned up after.
func TestDrainedNodeLeavesRooms(t *testing.T) { onPeace(t, testDrainedNodeLeavesRooms) }

func testDrainedNodeLeavesRooms(t *testing.T, server shared) {
	a, b := pairOn(t, server)
	r := watch(t, a, "room")
	enter(t, b, "room", "ann")
	enter(t, a, "room", "bob")
	if _, err := b.Groups().Join(t.Context(), "team", group.Joiner{Identity: "ann"}); err != nil {
		t.Fatal(err)
	}
	r.has(t, 2)
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r.has(t, 1)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("ann was there for %v", took)
	}
	if n, err := a.Groups().Count(t.Context(), "team"); n != 0 || err != nil {
		t.Errorf("%d members, %v", n, err)
	}
	sees(t, a, 1)
	r.leftOnce(t, 1)
}

// A node that was paused for so long that it was cleaned up after shows its members again.
func TestPausedNodeShowsItsMembersAgain(t *testing.T) { onPeace(t, testPausedNodeShowsItsMembersAgain) }

func testPausedNodeShowsItsMembersAgain(t *testing.T, server shared) {
	a := nodesOn(t, server, 1)[0]
	way := server.proxied(t)
	way.cfg.ID = "b"
	b := startOn(t, way.cfg)
	before := b.Self()
	r := watch(t, a, "room")
	enter(t, b, "room", "ann")
	r.has(t, 1)
	way.proxy.Hang()
	r.has(t, 0)
	way.proxy.Heal(t)
	r.has(t, 1)
	if b.Self() == before {
		t.Error("b goes on under the same life")
	}
	r.leftOnce(t, 1)
	list, err := a.Presence().List(t.Context(), "room")
	if err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
}

// A node without Redis has rooms too.
func TestRoomsInMemory(t *testing.T) {
	t.Parallel()
	n := start(t, Config{Presence: []presence.Policy{{Match: "quiet", Off: true}, {}}, Groups: []group.Policy{{Match: "lobby:*", MaxMembers: 1}}})
	r := watch(t, n, "room")
	enter(t, n, "room", "ann")
	r.has(t, 1)
	if !n.Presence().Policy("quiet").Off {
		t.Error("presence of quiet is on")
	}
	for name, fine := range map[string]bool{"lobby:1": true, "other": false} {
		if _, err := n.Groups().Join(t.Context(), name, group.Joiner{Identity: "ann"}); (err == nil) != fine {
			t.Errorf("join %s: %v", name, err)
		}
	}
}
