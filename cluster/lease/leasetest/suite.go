package leasetest

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

// A Backend is a Registry, and what a case does to it.
type Backend struct {
	lease.Registry
	Empty func() // forgets everything
}

// Run runs the suite. Open leaves closing to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	t.Helper()
	for name, run := range map[string]func(s *scene){
		"join_and_renew":              joinAndRenew,
		"members_say_who_they_are":    sayWhoTheyAre,
		"names_do_not_collide":        namesDoNotCollide,
		"absent_unless_it_joins":      absentUnlessItJoins,
		"leases_are_bounded":          leasesAreBounded,
		"expired_is_revived":          expiredIsRevived,
		"leave":                       leave,
		"claim_only_when_expired":     claimOnlyWhenExpired,
		"claim_needs_a_lease":         claimNeedsALease,
		"one_of_many_claims":          oneOfManyClaims,
		"claimed_never_comes_back":    claimedNeverComesBack,
		"claim_runs_out":              claimRunsOut,
		"done_needs_the_newest_fence": doneNeedsNewestFence,
		"leave_gives_claims_back":     leaveGivesClaimsBack,
		"fences_outlive_emptying":     fencesOutliveEmptying,
		"life_changes_when_emptied":   lifeChangesWhenEmptied,
		"write_back":                  writeBack,
		"write_back_overwrites_none":  writeBackOverwritesNone,
		"write_back_of_the_dead":      writeBackOfTheDead,
		"context_ended":               contextEnded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(&scene{T: t, Backend: open(t)})
		})
	}
}

// long is longer than any case takes, short is waited for.
const (
	long  = 30 * time.Second
	short = 100 * time.Millisecond
)

type scene struct {
	*testing.T
	Backend
}

func member(id string) lease.Member { return lease.Member{ID: id, Incarnation: rand.Text()} }

// join takes out a lease.
func (s *scene) join(m lease.Member, ttl time.Duration) lease.View {
	s.Helper()
	return s.renew(lease.Renewal{Self: m, TTL: ttl, Join: true}, lease.Held)
}

func (s *scene) renew(r lease.Renewal, want lease.Standing) lease.View {
	s.Helper()
	v, err := s.Renew(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	if v.Standing != want {
		s.Fatalf("renewal of %s: standing %d, want %d", r.Self.ID, v.Standing, want)
	}
	if v.Invalid != 0 {
		s.Fatalf("%d invalid entries", v.Invalid)
	}
	return v
}

func (s *scene) claim(dead, by lease.Member, d time.Duration) uint64 {
	s.Helper()
	fence, err := s.Claim(s.Context(), lease.Claim{Dead: dead, By: by, For: d})
	if err != nil {
		s.Fatal(err)
	}
	return fence
}

// claimed waits until it has the claim.
func (s *scene) claimed(dead, by lease.Member, d time.Duration) (fence uint64) {
	s.Helper()
	s.eventually("claim", func() bool {
		fence = s.claim(dead, by, d)
		return fence > 0
	})
	return fence
}

func (s *scene) eventually(what string, ok func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.Fatalf("%s: not within 20 s", what)
		}
	}
}

// mustHave checks the IDs of members and of those who are dead and not done.
func (s *scene) mustHave(v lease.View, members, dead []string) {
	s.Helper()
	var m, d []string
	for _, l := range v.Members {
		m = append(m, l.ID)
	}
	for _, x := range v.Dead {
		if !x.Done {
			d = append(d, x.ID)
		}
	}
	slices.Sort(m)
	slices.Sort(d)
	if !slices.Equal(m, members) || !slices.Equal(d, dead) {
		s.Fatalf("members %q, dead %q, want %q and %q", m, d, members, dead)
	}
}

// of finds a member.
func (s *scene) of(v lease.View, m lease.Member) lease.Lease {
	s.Helper()
	i := slices.IndexFunc(v.Members, func(l lease.Lease) bool { return l.ID == m.ID && l.Incarnation == m.Incarnation })
	if i < 0 {
		s.Fatalf("%s is not among %v", m.ID, v.Members)
	}
	return v.Members[i]
}
