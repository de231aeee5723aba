package leasetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
)

func joinAndRenew(s *scene) {
	a, b := member("a"), member("b")
	v := s.join(a, long)
	s.mustHave(v, []string{"a"}, nil)
	first := s.of(v, a).Until
	if d := first.Sub(v.Now); d < long-time.Millisecond || d > long+time.Millisecond {
		s.Errorf("lease of %v, want %v", d, long)
	}
	s.mustHave(s.join(b, long), []string{"a", "b"}, nil)
	s.eventually("a later end", func() bool {
		return s.of(s.renew(lease.Renewal{Self: a, TTL: long}, lease.Held), a).Until.After(first)
	})
	s.renew(lease.Renewal{Self: a, TTL: long, Join: true}, lease.Held) // joining twice is renewing
	s.mustHave(s.renew(lease.Renewal{Self: b, TTL: long}, lease.Held), []string{"a", "b"}, nil)
}

func sayWhoTheyAre(s *scene) {
	m := member("näme with spaces \"{}%: and more")
	m.Address, m.Version = "10.0.0.1:8080 (eth0)", "v1.2.3 ü"
	m.Started = time.UnixMilli(1764000000123).UTC()
	if got := s.of(s.join(m, long), m).Member; got != m {
		s.Errorf("got %+v, want %+v", got, m)
	}
	m.Address = "10.0.0.2:8080"
	if got := s.of(s.renew(lease.Renewal{Self: m, TTL: long}, lease.Held), m).Member; got != m {
		s.Errorf("after it changed: %+v, want %+v", got, m)
	}
	big := member(strings.Repeat("i", lease.MaxID))
	big.Address, big.Version = strings.Repeat("a", lease.MaxText), strings.Repeat("\"", lease.MaxText)
	if got := s.of(s.join(big, long), big).Member; got != big {
		s.Errorf("as large as may be: %+v", got)
	}
}

func namesDoNotCollide(s *scene) {
	all := []lease.Member{{ID: "a", Incarnation: "1"}, {ID: "a", Incarnation: "2"}, {ID: "1", Incarnation: "a"},
		{ID: "a 1", Incarnation: "1"}, {ID: "1 a", Incarnation: "1"}, {ID: " a", Incarnation: "1"}, {ID: "a ", Incarnation: "1"}}
	for _, m := range all {
		s.join(m, long)
	}
	v := s.join(all[0], long)
	if len(v.Members) != len(all) {
		s.Fatalf("%d members, want %d", len(v.Members), len(all))
	}
	for _, m := range all {
		s.of(v, m)
	}
}

func absentUnlessItJoins(s *scene) {
	a := member("a")
	s.mustHave(s.renew(lease.Renewal{Self: a, TTL: long}, lease.Absent), nil, nil)
	s.join(a, long)
	s.renew(lease.Renewal{Self: a, TTL: long}, lease.Held)
}

func leasesAreBounded(s *scene) {
	a := member("a")
	v := s.join(a, time.Hour)
	if d := s.of(v, a).Until.Sub(v.Now); d > lease.MaxTTL {
		s.Errorf("lease of %v, want at most %v", d, lease.MaxTTL)
	}
}

func expiredIsRevived(s *scene) {
	a, b := member("a"), member("b")
	s.join(a, short)
	s.eventually("end of the lease", func() bool {
		v := s.join(b, long)
		return !s.of(v, a).Until.After(v.Now)
	})
	s.renew(lease.Renewal{Self: a, TTL: long}, lease.Held)
	if fence := s.claim(a, b, long); fence != 0 {
		s.Error("the revived one can be claimed")
	}
}

func leave(s *scene) {
	a, b := member("a"), member("b")
	s.join(a, long)
	s.join(b, long)
	if err := s.Leave(s.Context(), a); err != nil {
		s.Fatal(err)
	}
	s.mustHave(s.renew(lease.Renewal{Self: b, TTL: long}, lease.Held), []string{"b"}, nil)
	s.renew(lease.Renewal{Self: a, TTL: long}, lease.Absent)
	if err := s.Leave(s.Context(), a); err != nil {
		s.Errorf("leaving twice: %v", err)
	}
	if s.claim(a, b, long) != 0 {
		s.Error("who left can be claimed")
	}
}

func lifeChangesWhenEmptied(s *scene) {
	a, b := member("a"), member("b")
	first := s.join(a, long).Life
	if len(first) == 0 || first[0] == "" {
		s.Fatalf("life %q", first)
	}
	if again := s.join(b, long).Life; again[0] != first[0] {
		s.Errorf("life %q, then %q, with nothing lost", first, again)
	}
	s.Empty()
	v := s.renew(lease.Renewal{Self: a, TTL: long}, lease.Absent)
	for i := range v.Life {
		if v.Life[i] == first[i] || v.Life[i] == "" {
			s.Errorf("after it was emptied life %d is %q, was %q", i, v.Life[i], first[i])
		}
	}
	if again := s.join(b, long).Life; again[0] != v.Life[0] {
		s.Error("another node sees another life")
	}
}

func writeBack(s *scene) {
	a, b, c, d := member("a"), member("b"), member("c"), member("d")
	b.Address = "b:1"
	s.Empty()
	v := s.renew(lease.Renewal{Self: a, TTL: long, Join: true, Members: []lease.Member{b, c}, Dead: []lease.Member{d}}, lease.Held)
	s.mustHave(v, []string{"a", "b", "c"}, []string{"d"})
	if got := s.of(v, b); got.Member != b || got.Until.Sub(v.Now) < long-time.Millisecond {
		s.Errorf("written back as %v", got)
	}
	s.renew(lease.Renewal{Self: b, TTL: long}, lease.Held)
	s.renew(lease.Renewal{Self: d, TTL: long, Join: true}, lease.Claimed)
	if s.claim(c, a, long) != 0 {
		s.Error("who was written back as alive can be claimed at once")
	}
	fence := s.claim(d, a, long)
	if fence == 0 {
		s.Fatal("who was written back as dead can not be claimed")
	}
	if err := s.Done(s.Context(), d, fence); err != nil {
		s.Error(err)
	}
}

func writeBackOverwritesNone(s *scene) {
	a, b, c := member("a"), member("b"), member("c")
	s.join(a, long)
	s.join(b, short)
	fence := s.claimed(b, a, long)
	v := s.renew(lease.Renewal{Self: c, TTL: long, Join: true, Members: []lease.Member{a, b}, Dead: []lease.Member{b}}, lease.Held)
	s.mustHave(v, []string{"a", "c"}, []string{"b"})
	if s.claim(b, c, long) != 0 {
		s.Error("the claim was lost")
	}
	if err := s.Done(s.Context(), b, fence); err != nil {
		s.Error(err)
	}
	v = s.renew(lease.Renewal{Self: c, TTL: long, Members: []lease.Member{b}, Dead: []lease.Member{b}}, lease.Held)
	s.mustHave(v, []string{"a", "c"}, nil)
}

// writeBackOfTheDead shows that a life that some node knows to be over ends, also if it has a lease.
func writeBackOfTheDead(s *scene) {
	a, b := member("a"), member("b")
	s.join(a, long)
	s.join(b, long)
	v := s.renew(lease.Renewal{Self: a, TTL: long, Dead: []lease.Member{b}}, lease.Held)
	s.mustHave(v, []string{"a"}, []string{"b"})
	s.renew(lease.Renewal{Self: b, TTL: long}, lease.Claimed)
	if s.claim(b, a, long) == 0 {
		s.Error("it can not be claimed")
	}
}

func contextEnded(s *scene) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	a := member("a")
	_, err1 := s.Renew(ctx, lease.Renewal{Self: a, TTL: long, Join: true})
	_, err2 := s.Claim(ctx, lease.Claim{Dead: a, By: member("b"), For: long})
	for _, err := range []error{err1, err2, s.Leave(ctx, a), s.Done(ctx, a, 1)} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("error %v, want that the context was cancelled", err)
		}
	}
	s.mustHave(s.join(member("c"), long), []string{"c"}, nil)
}
