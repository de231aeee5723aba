package gateway

import "testing"

// A queue that never runs empty holds no more than waits in it.
func TestQueueOfBusyTopicIsCompacted(t *testing.T) {
	t.Parallel()
	s := &shard{}
	a := &audience{topic: "chat", running: true}
	for range 100_000 {
		s.queue(a, item{kind: itemLeft})
		s.queue(a, item{kind: itemLeft})
		a.taken++
		if len(a.queue)-a.taken > 10 {
			a.taken++
		}
	}
	if waiting := len(a.queue) - a.taken; len(a.queue) > 1024 || waiting > 16 {
		t.Errorf("%d slots for %d items", len(a.queue), waiting)
	}
	a.taken = len(a.queue)
	a.rest()
	if len(a.queue) != 0 || a.taken != 0 || a.running {
		t.Errorf("after a rest: %d slots, %d taken", len(a.queue), a.taken)
	}
}
