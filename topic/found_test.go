package topic_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/topic"
)

// TestFoundPlans are plans that TestModel once failed.
func TestFoundPlans(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name           string
		nodes, history int
		plan           []act
	}{
		{"a node that is cut off while it joins hears all afterwards", 3, 5, []act{
			{What: "publish", Node: 1}, {What: "publish", Node: 0, N: 6},
			{What: "disconnect", Node: 1, For: 11639 * ms},
			{What: "subscribe since", Node: 1, N: 1},
			{After: 3 * ms, What: "publish", Node: 1, N: 6},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runActs(t, c.nodes, c.history, c.plan)
		})
	}
}

// Nobody joins before frames arrive, also if the Log is read for something else meanwhile:
// who did would hear nothing of other nodes, and never know.
func TestJoinWaitsForTheRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New()
		defer bus.Close()
		log := &remote{Log: memory(t), delay: time.Millisecond}
		a := start(t, topic.Config{Log: log, Node: "a", Relay: bus.Node("a")})
		b := start(t, topic.Config{Log: log, Node: "b", Relay: bus.Node("b")})
		publish(t, b, "chat", "1")
		bus.Disconnect("b")
		head, err := b.Head(t.Context(), "chat")
		if err != nil {
			t.Fatal(err)
		}
		r := subscribe(t, b, "chat", &head)
		time.Sleep(10 * time.Millisecond)
		if err := b.Clear(t.Context(), "chat"); !errors.Is(err, topic.ErrUnavailable) { // it has the actor read the Log
			t.Errorf("cleared, and a told: %v", err)
		}
		time.Sleep(time.Minute)
		if heard := r.heard(); heard != "refused" {
			t.Errorf("heard %s of a node that is cut off", heard)
		}
		bus.Reconnect("b")
		r = subscribe(t, b, "chat", nil)
		time.Sleep(time.Second)
		publish(t, a, "chat", "2")
		time.Sleep(time.Second)
		if heard := r.heard(); heard != "joined@0 1" {
			t.Errorf("heard %s", heard)
		}
	})
}
