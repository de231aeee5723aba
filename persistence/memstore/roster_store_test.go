package memstore

import (
	"testing"
	"testing/synctest"

	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestRosters(t *testing.T) {
	t.Parallel()
	storetest.Rosters(t, openRosters, storetest.RosterOptions{Bubble: synctest.Test})
}

func openRosters(t *testing.T) storetest.RosterBackend {
	bus := membus.New()
	t.Cleanup(bus.Close)
	r := NewRosters(bus.Node("store"))
	return storetest.RosterBackend{Store: r, Relay: bus.Node("node"), Empty: r.Empty}
}
