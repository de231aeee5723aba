package storetest

import (
	"fmt"
	"slices"

	"github.com/troupe-rt/troupe/topic/roster"
)

func (s *rosterScene) refused(a roster.Applied, want ...int) {
	s.Helper()
	if !slices.Equal(a.Refused, want) {
		s.Errorf("refused are %v, want %v", a.Refused, want)
	}
}

func maxInOrder(s *rosterScene) {
	a := s.applyOps("r", "x", 2, ops("a=1", "b=1", "c=1", "d=1"))
	s.told(a, 1, 2, "a=1", "b=1")
	s.refused(a, 2, 3)
	tape := s.listen("r")
	a = s.applyOps("r", "x", 2, ops("c=1"))
	s.told(a, 1, 2)
	s.refused(a, 0)
	tape.quiet()

	// A drop makes room for what comes after it, and who is there may change.
	a = s.applyOps("r", "x", 2, ops("c=1", "-a", "d=1", "b=2", "e=1"))
	s.told(a, 2, 2, "-a", "d=1", "b=2")
	s.refused(a, 0, 4)
	tape.applied(a)
	s.shows("r", 2, "b=2", "d=1")
	s.lives("r", map[string]int{"x": 2})

	// A smaller bound takes nobody off; without one all may join.
	a = s.applyOps("r", "x", 1, ops("e=1", "b=3", "-d", "f=1"))
	s.told(a, 3, 1, "b=3", "-d")
	s.refused(a, 0, 3)
	a = s.applyOps("r", "x", 0, ops("e=1", "f=1"))
	s.told(a, 4, 3, "e=1", "f=1")
	s.refused(a)
}

func maxAcrossLives(s *rosterScene) {
	s.applyOps("r", "x", 2, ops("a=1", "b=1"))
	a := s.applyOps("r", "y", 2, ops("c=1", "a=1", "b=2"))
	s.told(a, 2, 2, "b=2") // a and b are there already
	s.refused(a, 0)
	s.lives("r", map[string]int{"x": 2, "y": 2})

	a = s.applyOps("r", "x", 2, ops("-a", "c=1"))
	s.told(a, 2, 2) // y still shows a
	s.refused(a, 1)
	a = s.applyOps("r", "y", 2, ops("-a", "c=1"))
	s.told(a, 3, 2, "-a", "c=1")
	s.refused(a)

	a = s.applyOps("r", "z", 2, ops("d=1"))
	s.told(a, 3, 2)
	s.refused(a, 0)
	s.lives("r", map[string]int{"x": 1, "y": 2})
}

func deadDoNotBlock(s *rosterScene) {
	s.applyOps("r", "x", 3, ops("a=1", "b=1"))
	s.applyOps("r", "y", 3, ops("c=1"))
	s.refused(s.applyOps("r", "z", 3, ops("d=1")), 0)
	s.bury("x")
	a := s.applyOps("r", "z", 3, ops("d=1", "e=1", "f=1"))
	s.told(a, 4, 3, "d=1", "e=1")
	s.refused(a, 2)
}

func manyMembers(s *rosterScene) {
	const members = 10_000
	tape := s.listen("r")
	var version uint64
	for n := 0; n < members; n += roster.MaxOps {
		a := s.applyOps("r", fmt.Sprint("life", n%3), members, many(n, min(n+roster.MaxOps, members)))
		version++
		if a.Version != version || a.Count != min(n+roster.MaxOps, members) || len(a.Refused) > 0 {
			s.Fatalf("version %d, %d members, %d refused", a.Version, a.Count, len(a.Refused))
		}
	}
	s.refused(s.applyOps("r", "late", members, ops("late=1")), 0)
	n := s.load("r")
	if len(n.Members) != members || string(n.Members["member9999"]) != "9999" {
		s.Errorf("%d members are loaded", len(n.Members))
	}
	a := s.applyOps("r", "late", members+1, ops("late=1"))
	s.told(a, version+1, members+1, "late=1")
	s.told(s.apply("r", "late", "-late"), version+2, members, "-late")
	if joined := tape.consecutive(tape.rest(), 1); len(joined) != members+2 {
		s.Errorf("%d changes were sent", len(joined))
	}
	for life := range s.check("r").Lives {
		s.bury(life)
	}
	left := tape.consecutive(tape.rest(), version+3)
	if keys := keysOf(left); len(slices.Compact(keys)) != members || len(left) != members {
		s.Errorf("%d leaves were sent, of %d members", len(left), len(slices.Compact(keys)))
	}
	if n := s.check("r"); len(n.Lives) > 0 {
		s.Errorf("lives are left: %v", n.Lives)
	}
	s.shows("r", s.check("r").Version)
}
