package topic_test

import (
	"testing"
	"time"
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
