package pglease_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/lease/leasetest"
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// empty forgets everything but the fence, at once.
func empty(t testing.TB, url, schema string) {
	t.Helper()
	pgtest.Exec(t, url, strings.ReplaceAll(`truncate S.leases, S.lease_claims, S.lease_life, S.lease_unlogged_life`, "S", schema))
}

// TestRegistry runs the suite of every Registry. Its cases share a database and not a schema.
func TestRegistry(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var cases atomic.Int32
	leasetest.Run(t, func(t *testing.T) leasetest.Backend {
		schema := fmt.Sprint("case_", cases.Add(1))
		db := pgtest.Open(t, url, pgdb.Config{Schema: schema, Timeout: 20 * time.Second}) // disks of machines that test are slow
		return leasetest.Backend{Registry: pglease.New(pglease.Config{DB: db}), Empty: func() { empty(t, url, schema) }}
	})
}
