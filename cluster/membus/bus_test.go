package membus_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/bustest"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var names = []string{"a", "b", "c"}

func open(t *testing.T, _ bustest.Need) *bustest.Scene {
	bus := membus.New()
	t.Cleanup(bus.Close)
	return &bustest.Scene{
		Nodes: [3]topic.Relay{bus.Node("a"), bus.Node("b"), bus.Node("c")},
		Break: func(node int) { bus.Disconnect(names[node]) },
		Mend:  func(node int) { bus.Reconnect(names[node]) },
		Refuse: func(on bool) {
			if on {
				bus.Fail(errors.New("no"))
			} else {
				bus.Fail(nil)
			}
		},
		Followers: bus.Followers,
		Requests:  func() int { return 0 },
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	bustest.Run(t, open, bustest.Options{})
}

func TestRelayInBubble(t *testing.T) {
	t.Parallel()
	bustest.Run(t, open, bustest.Options{Bubble: synctest.Test})
}
