package pgstore

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/storetest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var cases atomic.Int32
	storetest.Limits(t, func(t *testing.T) ratelimit.Store {
		return NewLimits(pgtest.Open(t, url, pgdb.Config{Schema: fmt.Sprint("case_", cases.Add(1))}), nil)
	}, storetest.LimitOptions{Unit: 600 * time.Millisecond})
}
