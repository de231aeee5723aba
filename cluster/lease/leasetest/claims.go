package leasetest

import (
	"errors"
	"strconv"
	"sync"

	"github.com/troupe-rt/troupe/cluster/lease"
)

func claimOnlyWhenExpired(s *scene) {
	a, b, x := member("a"), member("b"), member("x")
	s.join(a, long)
	s.join(b, long)
	s.join(x, short)
	if s.claim(b, a, long) != 0 || s.claim(member("nobody"), a, long) != 0 {
		s.Error("claimed who lives, or was never there")
	}
	s.claimed(x, a, long)
	v := s.join(b, long)
	s.mustHave(v, []string{"a", "b"}, []string{"x"})
	if d := v.Dead[0]; d.Member != x || d.Done || d.Until.Sub(v.Now) < long/2 {
		s.Errorf("dead is %+v", d)
	}
}

func claimNeedsALease(s *scene) {
	a, b, x := member("a"), member("b"), member("x")
	s.join(x, short)
	s.join(a, long)
	s.join(b, short)
	s.eventually("end of the leases", func() bool {
		v := s.join(a, long)
		return !s.of(v, x).Until.After(v.Now) && !s.of(v, b).Until.After(v.Now)
	})
	if s.claim(x, b, long) != 0 || s.claim(x, member("nobody"), long) != 0 {
		s.Error("claimed without a lease")
	}
	if s.claim(x, a, long) == 0 {
		s.Error("not claimed with a lease")
	}
}

func oneOfManyClaims(s *scene) {
	x := member("x")
	s.join(x, short)
	claimants := make([]lease.Member, 8)
	for i := range claimants {
		claimants[i] = member(strconv.Itoa(i))
		s.join(claimants[i], long)
	}
	s.eventually("end of the lease", func() bool {
		v := s.join(claimants[0], long)
		return !s.of(v, x).Until.After(v.Now)
	})
	fences := make([]uint64, len(claimants))
	var all sync.WaitGroup
	for i, by := range claimants {
		all.Go(func() {
			var err error
			if fences[i], err = s.Claim(s.Context(), lease.Claim{Dead: x, By: by, For: long}); err != nil {
				s.Error(err)
			}
		})
	}
	all.Wait()
	won := 0
	for _, fence := range fences {
		if fence > 0 {
			won++
		}
	}
	if won != 1 {
		s.Errorf("%d of %d have the claim: %v", won, len(fences), fences)
	}
}

func claimedNeverComesBack(s *scene) {
	a, x := member("a"), member("x")
	s.join(a, long)
	s.join(x, short)
	fence := s.claimed(x, a, long)
	for _, join := range []bool{false, true} {
		s.renew(lease.Renewal{Self: x, TTL: long, Join: join}, lease.Claimed)
	}
	if err := s.Done(s.Context(), x, fence); err != nil {
		s.Fatal(err)
	}
	for _, join := range []bool{false, true} {
		s.renew(lease.Renewal{Self: x, TTL: long, Join: join}, lease.Claimed)
	}
	if s.claim(x, a, long) != 0 {
		s.Error("claimed again after it was done")
	}
	x.Incarnation = "another"
	s.mustHave(s.join(x, long), []string{"a", "x"}, nil)
}

func claimRunsOut(s *scene) {
	a, b, x, y := member("a"), member("b"), member("x"), member("y")
	s.join(a, long)
	s.join(b, long)
	s.join(x, short)
	s.join(y, short)
	first := s.claimed(x, a, short)
	other := s.claimed(y, a, long)
	second := s.claimed(x, b, long)
	if !(first < other && other < second) {
		s.Errorf("fences %d, %d, %d, want that they grow", first, other, second)
	}
	if s.claim(x, a, long) != 0 {
		s.Error("two have the claim")
	}
}

func doneNeedsNewestFence(s *scene) {
	a, x := member("a"), member("x")
	s.join(a, long)
	s.join(x, short)
	first := s.claimed(x, a, short)
	second := s.claimed(x, a, long)
	for _, fence := range []uint64{0, first, second + 1} {
		if err := s.Done(s.Context(), x, fence); !errors.Is(err, lease.ErrNotHeld) {
			s.Errorf("done with fence %d: %v, want ErrNotHeld", fence, err)
		}
	}
	if err := s.Done(s.Context(), member("nobody"), second); !errors.Is(err, lease.ErrNotHeld) {
		s.Errorf("done with nobody: %v, want ErrNotHeld", err)
	}
	s.mustHave(s.join(a, long), []string{"a"}, []string{"x"})
	if err := s.Done(s.Context(), x, second); err != nil {
		s.Error(err)
	}
	v := s.join(a, long)
	s.mustHave(v, []string{"a"}, nil)
	if len(v.Dead) != 1 || !v.Dead[0].Done {
		s.Errorf("dead %v, want that x is remembered", v.Dead)
	}
	if err := s.Done(s.Context(), x, second); !errors.Is(err, lease.ErrNotHeld) {
		s.Errorf("done twice: %v, want ErrNotHeld", err)
	}
}

func leaveGivesClaimsBack(s *scene) {
	a, b, x, y := member("a"), member("b"), member("x"), member("y")
	s.join(a, long)
	s.join(b, long)
	s.join(x, short)
	s.join(y, short)
	first := s.claimed(x, a, long)
	finished := s.claimed(y, a, long)
	if err := s.Done(s.Context(), y, finished); err != nil {
		s.Fatal(err)
	}
	if err := s.Leave(s.Context(), a); err != nil {
		s.Fatal(err)
	}
	if err := s.Done(s.Context(), x, first); !errors.Is(err, lease.ErrNotHeld) {
		s.Errorf("done with a claim that was given back: %v, want ErrNotHeld", err)
	}
	if second := s.claim(x, b, long); second <= first {
		s.Errorf("fence %d after %d, want a larger one", second, first)
	}
	if s.claim(y, b, long) != 0 {
		s.Error("what was done was given back")
	}
}

func fencesOutliveEmptying(s *scene) {
	a, x := member("a"), member("x")
	s.join(a, long)
	s.join(x, short)
	before := s.claimed(x, a, long)
	s.Empty()
	s.join(a, long)
	y := member("y")
	s.join(y, short)
	if after := s.claimed(y, a, long); after <= before {
		s.Errorf("fence %d before, %d after", before, after)
	}
}
