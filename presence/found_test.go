package presence_test

import (
	"testing"
	"time"
)

// TestFoundPlans are plans that TestModel once failed.
func TestFoundPlans(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name  string
		nodes int
		plan  []act
	}{
		// Nobody on the node needed the room any more, so nobody looked.
		{"a write that takes effect after a newer one is noticed", 3, []act{
			{What: "late", Node: 1, For: 31 * ms},
			{After: 30 * ms, What: "enter", Node: 1, User: 1, Room: 1},
			{After: 1682 * ms, What: "exit", Node: 1, User: 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runActs(t, c.nodes, 0, c.plan)
		})
	}
}
