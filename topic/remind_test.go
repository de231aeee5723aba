package topic_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// TestRepeatedElsewhere has a node be killed when the Log had an event and no node had been told. Its publisher tries again on another
// node, and so receivers on every node get it.
func TestRepeatedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, wires := &remote{Log: memory(t)}, newWires()
		var nodes []*topic.Topics
		var receivers []*recorder
		for _, name := range []string{"a", "b"} {
			nodes = append(nodes, start(t, topic.Config{System: actors.NewSystem(actors.Config{}), Log: log, Node: name, Relay: &wire{name, wires}}))
		}
		for _, n := range nodes {
			receivers = append(receivers, subscribe(t, n, "room", nil))
		}
		synctest.Wait()
		publish(t, nodes[1], "room", "1")
		entry := topic.Entry{ID: "x", Name: "n", Data: []byte("2")}
		if _, err := log.Append(t.Context(), "room", []topic.Entry{entry}, topic.Retention{Size: 10, Dedup: time.Minute}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r, err := nodes[0].Publish(t.Context(), "room", topic.Message{Event: "n", Data: []byte("2"), ID: "x"})
			if err != nil || !r.Duplicate {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		time.Sleep(time.Second)
		for i, r := range receivers {
			if heard := r.heard(); heard != "joined@0 1 2" {
				t.Errorf("node %d: heard %q", i, heard)
			}
		}
		if wires.sent != 2 {
			t.Errorf("%d frames for one event and one reminder", wires.sent)
		}
	})
}
