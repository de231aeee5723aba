package group_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A kase is a case of the conformance list, for every world.
type kase struct {
	name     string
	run      func(w *world)
	settings []setting
}

var cases = []kase{
	{name: "GRP-02 join again", run: joinAgain},
	{name: "GRP-03 unknown role", run: unknownRole},
	{name: "GRP-06 publish", run: publishes},
	{name: "GRP-08 send", run: sends},
	{name: "GRP-09 local members", run: localMembers},
	{name: "GRP-10 meta", run: metadata, settings: []setting{policies(group.Policy{Meta: map[string]string{"topic": "x"}})}},
	{name: "GRP-11 close", run: closes},
	{name: "GRP-12 close fails midway", run: closeFails},
	{name: "GRP-13 reopen", run: reopens},
	{name: "GRP-16 gone while joining", run: goneWhileJoining, settings: []setting{policies(group.Policy{MaxMembers: 1})}},
	{name: "GRP-17 outage", run: outage, settings: []setting{policies(group.Policy{MaxMembers: 1})}},
	{name: "GRP-19 any event name", run: anyEventName},
	{name: "GRP-20 first joins at once", run: firstJoins},
	{name: "GRP-23 order of the first frames", run: firstFrames},
	{name: "full", run: full, settings: []setting{policies(group.Policy{MaxMembers: 2})}},
}

// TestCases runs the conformance cases on one node, and on two that share memory.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/%d nodes", c.name, size), func(t *testing.T) {
				t.Parallel()
				inMemory(size)(t, c.run, c.settings...)
			})
		}
	}
}

func joinAgain(w *world) {
	ann := w.first().join(w, "g", "ann", "admin")
	bob := w.last().join(w, "g", "bob", "")
	bob.hears(w, "join bob member 2", "members ann,bob")
	ann.hears(w, "join ann admin 1", "members ann", "join bob member 2")
	ann.forget()
	bob.forget()

	ann.enter(w, w.first(), "g", "viewer") // the same connection
	if role, err := ann.answer(w); role != "admin" || err != nil {
		w.Errorf("again: %q, %v", role, err)
	}
	for _, n := range w.nodes { // other connections of hers
		tab := newClient("ann")
		tab.enter(w, n, "g", "viewer")
		if role, err := tab.answer(w); role != "admin" || err != nil {
			w.Errorf("another tab: %q, %v", role, err)
		}
		tab.hears(w, "join ann admin 2", "members ann,bob")
	}
	w.count("g", 2)
	w.settle()
	ann.hears(w)
	bob.hears(w)

	bob.data = `{"name":"Bob"}` // other data is news
	bob.enter(w, w.last(), "g", "")
	ann.hears(w, "join bob member 2")
	w.count("g", 2)
}

func unknownRole(w *world) {
	ann := w.first().join(w, "g", "ann", "")
	ann.forget()
	var unknown *group.RoleError
	c := newClient("bob")
	err := w.first().Enter("g", c.joiner("king"), func(string, error) { w.Error("was answered") })
	if !errors.Is(err, group.ErrRole) || !errors.As(err, &unknown) || unknown.Role != "king" {
		w.Errorf("enter: %v", err)
	}
	if err := w.first().Publish(w.Context(), "g", "hi", nil, group.Role("king")); !errors.Is(err, group.ErrRole) {
		w.Errorf("publish: %v", err)
	}
	w.settle()
	w.count("g", 1)
	ann.hears(w)
}

func publishes(w *world) {
	var all []*client
	for i, n := range w.nodes {
		all = append(all, n.join(w, "g", fmt.Sprint("m", i), "member"), n.join(w, "g", fmt.Sprint("a", i), "admin"))
	}
	outsider := w.first().join(w, "other", "out", "")
	w.count("g", len(all))
	w.settle()
	for _, c := range all {
		c.forget()
	}
	outsider.forget()
	g, ctx := w.first(), w.Context()
	for _, err := range []error{
		g.Publish(ctx, "g", "all", []byte(`1`)),
		g.Publish(ctx, "g", "admins", []byte(`{"a": 2}`), group.Role("admin")),
		g.Publish(ctx, "g", "both", nil, group.Role("admin"), group.Role("member"), group.Role("admin")),
		g.Publish(ctx, "g", "mixed", nil, group.Role("admin"), group.Key("m0"), group.Key("a0"), group.Key("m0")),
	} {
		if err != nil {
			w.Fatal(err)
		}
	}
	for _, c := range all {
		want := []string{":all 1", ":both null"}
		if strings.HasPrefix(c.identity, "a") {
			want = []string{":all 1", `:admins {"a": 2}`, ":both null", ":mixed null"}
		} else if c.identity == "m0" {
			want = append(want, ":mixed null")
		}
		c.hears(w, want...)
	}
	w.settle()
	outsider.hears(w)
}

func sends(w *world) {
	g, ctx := w.first(), w.Context()
	var tabs []*client
	for _, n := range w.nodes {
		tabs = append(tabs, n.join(w, "g", "ann", ""))
	}
	bob := w.first().join(w, "g", "bob", "")
	w.count("g", 2)
	w.settle()
	bob.forget()
	for _, c := range tabs {
		c.forget()
	}
	if err := g.Send(ctx, "g", "ann", "psst", []byte(`"x"`)); err != nil {
		w.Fatal(err)
	}
	for _, c := range tabs {
		c.hears(w, `:psst "x"`)
	}
	for _, err := range []error{
		g.Send(ctx, "g", "eve", "psst", nil), g.Send(ctx, "g", "", "psst", nil), g.Send(ctx, "nobody", "ann", "psst", nil),
		g.Publish(ctx, "g", "psst", nil, group.Role("admin"), group.Key("eve")),
	} {
		if !errors.Is(err, group.ErrNotMember) {
			w.Errorf("send to nobody: %v", err)
		}
	}
	w.settle()
	bob.hears(w)
}

func localMembers(w *world) {
	for i, n := range w.nodes {
		n.join(w, "g", fmt.Sprint("u", i), "admin")
		n.join(w, "g", fmt.Sprint("u", i), "")
	}
	w.count("g", len(w.nodes))
	for i, n := range w.nodes {
		ms, err := n.LocalMembers(w.Context(), "g")
		if err != nil || len(ms) != 1 || ms[0].Key != fmt.Sprint("u", i) || ms[0].Role != "admin" || string(ms[0].Data) != "null" {
			w.Errorf("node %d: %+v, %v", i, ms, err)
		}
		for _, other := range []string{"u0", "nobody"} {
			if has, err := n.Has(w.Context(), "g", other); err != nil || has != (other == "u0") {
				w.Errorf("node %d has %s: %v, %v", i, other, has, err)
			}
		}
	}
	ms, err := w.last().Members(w.Context(), "g")
	if err != nil || len(ms) != len(w.nodes) || !slices.IsSortedFunc(ms, func(a, b group.Member) int { return strings.Compare(a.Key, b.Key) }) {
		w.Errorf("members %+v, %v", ms, err)
	}
}

func anyEventName(w *world) {
	ann, bob := w.first().join(w, "g", "ann", ""), w.last().join(w, "g", "bob", "")
	w.count("g", 2)
	w.settle()
	ann.forget()
	bob.forget()
	var want []string
	for _, event := range []string{"close", "join", "leave", "members", "truncated", "stale", "__role_filtered", "ärger"} {
		if err := w.first().Publish(w.Context(), "g", event, []byte(`{"key":"bob","system":true}`)); err != nil {
			w.Fatal(err)
		}
		want = append(want, ":"+event+` {"key":"bob","system":true}`)
	}
	ann.hears(w, want...)
	bob.hears(w, want...)
	w.count("g", 2)
}

// firstJoins has the first members of a group come at once on the first node while one
// hears of them on the last.
func firstJoins(w *world) {
	bob := w.last().join(w, "g", "bob", "")
	bob.forget()
	var came []*client
	for i := range 3 {
		c := newClient(fmt.Sprint("c", i))
		c.enter(w, w.first(), "g", "")
		came = append(came, c)
	}
	for _, c := range came {
		if _, err := c.answer(w); err != nil {
			w.Error(err)
		}
	}
	bob.hears(w, "join c0 member 2", "join c1 member 3", "join c2 member 4")
	bob.forget()
	if err := w.first().Publish(w.Context(), "g", "once", nil); err != nil {
		w.Fatal(err)
	}
	w.settle()
	bob.hears(w, ":once null")
}

func firstFrames(w *world) {
	w.last().join(w, "g", "bob", "")
	w.count("g", 1)
	ann := newClient("ann")
	ann.data = `{"name": "Ann", "password": "x", "a": [1, {"token": 2}]}`
	ann.enter(w, w.first(), "g", "admin")
	ann.hears(w, "join ann admin 2", "members ann,bob")
	ann.mu.Lock()
	defer ann.mu.Unlock()
	const own = `{"key":"ann","role":"admin","data":{"name":"Ann","a":[1,{}]}`
	want := `{"topic":"__group:g","event":"join","data":` + own + `,"count":2},"system":true}`
	if ann.wire[0] != want {
		w.Errorf("join:\ngot  %s\nwant %s", ann.wire[0], want)
	}
	if m := ann.wire[1]; !strings.Contains(m, own+"}") || !strings.HasSuffix(m, `],"system":true}`) ||
		!strings.HasPrefix(m, `{"topic":"__group:g","event":"members","data":[{"key":"`) {
		w.Errorf("members: %s", m)
	}
	if order := strings.Join(ann.order, " "); order != "answered joined" {
		w.Errorf("order: %s", order)
	}
}

func full(w *world) {
	ann := w.first().join(w, "g", "ann", "")
	bob := w.last().join(w, "g", "bob", "admin")
	w.count("g", 2)
	w.settle()
	ann.forget()
	eve := newClient("eve")
	eve.enter(w, w.first(), "g", "viewer")
	_, err := eve.answer(w)
	var bound *roster.FullError
	if !errors.Is(err, group.ErrFull) || !errors.As(err, &bound) || bound.Max != 2 {
		w.Errorf("third of two: %v", err)
	}
	w.first().join(w, "g", "bob", "") // who is in it needs no further place
	if err := w.last().Exit("g", bob, bob); err != nil {
		w.Fatal(err)
	}
	w.settle()
	ann.hears(w)
	w.count("g", 2)
	w.first().hooks.sees(w, hooksOf(w, "join g ann member", "full g eve viewer", "join g bob admin")...)
}

// hooksOf is what the first node's hooks see where it is also the last.
func hooksOf(w *world, calls ...string) []string {
	if len(w.nodes) > 1 {
		return calls
	}
	return []string{"join g ann member", "join g bob admin", "full g eve viewer"}
}
