package group_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/topic"
)

// A word is what was published, as its data says.
type word struct {
	Node, I int
	To      string // "" all, "role admin", "key u3"
}

// meant reports whether a member is to hear it.
func (w word) meant(identity, role string) bool {
	return w.To == "" || w.To == "role "+role || w.To == "key "+identity
}

// TestWordsModel publishes at random to all, to roles and to members, while frames are lost,
// doubled, late and out of order. Who is meant hears each at most once and in each node's
// order, others never, and what is lost is announced in its place.
func TestWordsModel(t *testing.T) {
	// It is not parallel, as TestModel sets the same flag.
	if seed := flag.Lookup("rapid.seed").Value; seed.String() == "0" && !*freshPlans {
		if err := seed.Set("7"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		one := rapid.Custom(func(rt *rapid.T) act {
			ms := func(most int, name string) time.Duration {
				return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Millisecond
			}
			what := rapid.SampledFrom([]string{"say", "say", "say", "say", "frames", "disconnect", "partition"}).Draw(rt, "what")
			return act{ms(60, "after"), what, rapid.IntRange(0, 2).Draw(rt, "node"), rapid.IntRange(0, 12).Draw(rt, "to"), ms(400, "for")}
		})
		plan := rapid.SliceOfN(one, 1, 60).Draw(rt, "plan")
		if !t.Run("plan", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { runWords(t, plan) }) }) {
			rt.Fatalf("%#v", plan)
		}
	})
}

func runWords(t *testing.T, plan []act) {
	bus := membus.New()
	t.Cleanup(bus.Close)
	w := newWorld(t)
	store := memstore.NewRosters(bus.Node("store"))
	w.start(3, func(i int) (group.Store, topic.Relay) { return store, bus.Node(fmt.Sprintf("n%d", i)) })
	roles := []string{"admin", "member", "viewer"}
	var all []*client
	for i := range 9 {
		all = append(all, w.nodes[i%3].join(t, "g", fmt.Sprint("u", i), roles[i/3]))
	}
	said := map[word]bool{} // and whether it was taken
	say := func(node int, to string) {
		wd := word{node, len(said), to}
		var tos []group.To
		if role, ok := strings.CutPrefix(to, "role "); ok {
			tos = append(tos, group.Role(role))
		} else if key, ok := strings.CutPrefix(to, "key "); ok {
			tos = append(tos, group.Key(key))
		}
		data, _ := json.Marshal(wd)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		said[wd] = w.nodes[node].Publish(ctx, "g", "join", data, tos...) == nil
	}
	for node := range w.nodes {
		say(node, "")
		synctest.Wait()
	}
	for _, a := range plan {
		time.Sleep(a.After)
		id := fmt.Sprintf("n%d", a.Node)
		switch {
		case a.What == "frames":
			bus.SetFaults(membus.Faults{Seed: uint64(a.For), Drop: float64(a.User) / 30, Duplicate: 0.3, Jitter: a.For / 4, Reorder: true})
		case a.What == "disconnect":
			bus.Disconnect(id)
			time.AfterFunc(a.For, func() { bus.Reconnect(id) })
		case a.What == "partition":
			bus.Partition([]string{id}, []string{fmt.Sprintf("n%d", (a.Node+1)%3)})
			time.AfterFunc(a.For, bus.Heal)
		case a.User < 9:
			say(a.Node, fmt.Sprint("key u", a.User))
		case a.User < 12:
			say(a.Node, "role "+roles[a.User-9])
		default:
			say(a.Node, "")
		}
	}
	time.Sleep(time.Second)
	bus.SetFaults(membus.Faults{})
	bus.Heal()
	time.Sleep(time.Second)
	for node := range w.nodes {
		say(node, "")
	}
	time.Sleep(time.Second)
	synctest.Wait()
	for i, c := range all {
		mustHear(t, c, roles[i/3], said)
	}
}

// mustHear checks what a client heard of what was said.
func mustHear(t *testing.T, c *client, role string, said map[word]bool) {
	t.Helper()
	last := map[int]int{}
	stale := map[int]bool{} // since the last word of the node
	for _, node := range []int{0, 1, 2} {
		last[node] = -1
	}
	for _, s := range c.heard() {
		if strings.HasPrefix(s, ":stale") {
			stale = map[int]bool{0: true, 1: true, 2: true}
		}
		data, own := strings.CutPrefix(s, ":join ")
		if !own {
			continue
		}
		var wd word
		if err := json.Unmarshal([]byte(data), &wd); err != nil {
			t.Errorf("%s heard %s: %v", c.identity, s, err)
		}
		if !wd.meant(c.identity, role) {
			t.Errorf("%s, %s, heard %+v", c.identity, role, wd)
		}
		if wd.I <= last[wd.Node] {
			t.Errorf("%s heard %+v after %d", c.identity, wd, last[wd.Node])
		}
		for missed, taken := range said {
			between := missed.Node == wd.Node && missed.I > last[wd.Node] && missed.I < wd.I
			if between && taken && missed.meant(c.identity, role) && !stale[wd.Node] {
				t.Errorf("%s was not told that it missed %+v; it heard %q", c.identity, missed, c.heard())
			}
		}
		last[wd.Node], stale[wd.Node] = wd.I, false
	}
	if got, want := len(last), 3; got != want || slices.Contains([]int{last[0], last[1], last[2]}, -1) {
		t.Errorf("%s heard %v", c.identity, last)
	}
}
