package roster_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/topic/roster"
)

// listen has an ear join with a tag.
func (n *node) listen(key, tag string) *ear {
	n.t.Helper()
	e := &ear{n: n}
	if err := n.Join(n.t.Context(), "x", roster.Session{Outlet: e, Receiver: e, Key: key, Value: []byte("1"), Tag: tag}); err != nil {
		n.t.Error(err)
	}
	pause(time.Second)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.words = nil
	return e
}

func (n *node) say(w roster.Word) {
	n.t.Helper()
	w.Data = []byte("1")
	if err := n.Say(n.t.Context(), "x", w); err != nil {
		n.t.Errorf("say: %v", err)
	}
}

// The name of a node may have the sign that frames use.
func TestSay(t *testing.T) {
	bubble(t, "a~1 b", roster.Rules{Words: true}, func(t *testing.T, r *rig) {
		a, b := r.nodes["a~1"], r.nodes["b"]
		ann, bob := a.listen("ann", "admin"), b.listen("bob", "")
		cat := b.listen("cat", "admin")
		cat.heard()
		bob.sees("cat=1")
		ann.sees("bob=1 cat=1")
		a.say(roster.Word{Event: "all"})
		a.say(roster.Word{Event: "admins", Tag: "admin"})
		b.say(roster.Word{Event: "bob", Key: "bob"})
		b.say(roster.Word{Event: "nobody", Key: "bob", Tag: "admin"})
		b.say(roster.Word{Event: "nothing", Tag: "admin"})
		ann.heard("all 1", "admins 1")
		bob.heard("all 1", "bob 1")
		cat.heard("all 1", "admins 1")
		if err := a.Say(t.Context(), "x", roster.Word{Event: "e", Key: "zoe", Data: []byte("1")}); !errors.Is(err, roster.ErrAbsent) {
			t.Errorf("to one who is not there: %v", err)
		}
	})
}

func TestSayIsInOrderAndLossIsTold(t *testing.T) {
	bubble(t, "a b", roster.Rules{Words: true}, func(t *testing.T, r *rig) {
		a := r.nodes["a"]
		bob := r.nodes["b"].listen("bob", "")
		mustJoin(t, a, 1, "ann", "1")
		for _, e := range []string{"one", "two", "three"} {
			a.say(roster.Word{Event: e})
		}
		r.bus.SetFaults(membus.Faults{Duplicate: 1})
		a.say(roster.Word{Event: "four"})
		r.bus.SetFaults(membus.Faults{Drop: 1})
		a.say(roster.Word{Event: "five"})
		r.bus.SetFaults(membus.Faults{})
		a.say(roster.Word{Event: "six"})
		bob.heard("diff +ann=1", "one 1", "two 1", "three 1", "four 1", "stale", "six 1")
		r.bus.Disconnect("b")
		r.bus.Reconnect("b")
		bob.heard("stale")
		r.bus.Fail(errDown)
		err := a.Say(t.Context(), "x", roster.Word{Event: "seven", Data: []byte("1")})
		r.bus.Fail(nil)
		if !errors.Is(err, roster.ErrUnavailable) {
			t.Errorf("say: %v", err)
		}
		a.say(roster.Word{Event: "eight"})
		bob.heard("stale", "eight 1")
	})
}
