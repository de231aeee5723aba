package lease_test

import (
	"testing"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/lease/leasetest"
)

// TestMemRegistry runs the suite of every Registry.
func TestMemRegistry(t *testing.T) {
	t.Parallel()
	leasetest.Run(t, func(*testing.T) leasetest.Backend {
		r := lease.NewMemRegistry()
		return leasetest.Backend{Registry: r, Empty: r.Empty}
	})
}
