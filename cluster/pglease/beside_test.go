package pglease_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/cluster/pglease"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestClaimsBeside has many nodes claim the same dead at once, who renew at the same time: each is either alive and nobody's,
// or dead and one claimant's.
func TestClaimsBeside(t *testing.T) {
	t.Parallel()
	const claimants, dead = 8, 60
	url := pgtest.Shared(t).Database(t)
	r := pglease.New(pglease.Config{DB: pgtest.Open(t, url, pgdb.Config{MaxConns: claimants + 1, Timeout: 20 * time.Second})})
	var doomed []lease.Member
	for i := range dead {
		doomed = append(doomed, lease.Member{ID: fmt.Sprint("x", i), Incarnation: "1"})
		renew(t, r, doomed[i], time.Millisecond)
	}
	var mu sync.Mutex
	won := map[string]uint64{}
	fences := map[uint64]bool{}
	var wg sync.WaitGroup
	for c := range claimants {
		by := lease.Member{ID: fmt.Sprint("c", c), Incarnation: "1"}
		renew(t, r, by, time.Minute)
		wg.Go(func() {
			for _, x := range doomed {
				fence, err := r.Claim(t.Context(), lease.Claim{Dead: x, By: by, For: time.Minute})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				if fence > 0 && (won[x.ID] > 0 || fences[fence]) {
					t.Errorf("%s has fences %d and %d", x.ID, won[x.ID], fence)
				}
				if fence > 0 {
					won[x.ID], fences[fence] = fence, true
				}
				mu.Unlock()
			}
		})
	}
	standings := make([]lease.Standing, dead)
	wg.Go(func() {
		for i, x := range doomed {
			v, err := r.Renew(t.Context(), lease.Renewal{Self: x, TTL: time.Minute})
			if err != nil {
				t.Error(err)
			}
			standings[i] = v.Standing
		}
	})
	wg.Wait()
	for i, x := range doomed {
		if dead := won[x.ID] > 0; dead != (standings[i] == lease.Claimed) {
			t.Errorf("%s: standing %d, fence %d", x.ID, standings[i], won[x.ID])
		}
	}
	t.Logf("%d of %d were claimed", len(won), dead)
}
