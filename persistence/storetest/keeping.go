package storetest

import (
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

func smallSizes(s *scene) {
	for _, size := range []int{1, 2} {
		appendBeside(s, 8, 4, topic.Retention{Size: size})
		p := s.read("t", 0, 10, topic.Retention{Size: size})
		if len(p.Records) != size {
			s.Errorf("size %d: %d records", size, len(p.Records))
		}
	}
}

func batchLargerThanSize(s *scene) {
	keep := topic.Retention{Size: 3}
	a := s.append("t", keep, entries(8)...)
	s.wantResults(a, 1, 2, 3, 4, 5, 6, 7, 8)
	s.want("t", keep, 8, "5", "6", "7")
	s.append("t", keep, entry("x"))
	s.want("t", keep, 9, "6", "7", "x")
}

func smallerSize(s *scene) {
	s.append("t", plenty, entries(10)...)
	s.want("t", topic.Retention{Size: 4}, 10, "6", "7", "8", "9")
	s.append("t", topic.Retention{Size: 2}, entry("x"))
	s.want("t", topic.Retention{Size: 2}, 11, "9", "x")
}

func clearBeginsEpoch(s *scene) {
	lives := make(map[string]bool)
	for range 4 {
		before := s.head("t")
		a := s.append("t", plenty, entries(5)...)
		s.wantResults(a, 1, 2, 3, 4, 5)
		if a.Epoch != before.Epoch || a.Epoch != s.head("t").Epoch {
			s.Errorf("epoch %q before, %q in, %q after Append", before.Epoch, a.Epoch, s.head("t").Epoch)
		}
		if lives[a.Epoch] {
			s.Errorf("epoch %q came back after Clear", a.Epoch)
		}
		lives[a.Epoch] = true
		s.clear("t")
		s.want("t", plenty, 0)
	}
}

func (s *scene) clear(name string) {
	s.Helper()
	if err := s.log.Clear(s.Context(), name); err != nil {
		s.Fatalf("Clear(%q): %v", name, err)
	}
}

func epochIsStable(s *scene) {
	keep := topic.Retention{Size: 2, TTL: s.units(1), Dedup: s.units(1)}
	epoch := s.head("t").Epoch
	for i := range 4 {
		if got := s.head("t").Epoch; got != epoch {
			s.Fatalf("round %d: epoch %q became %q by itself", i, epoch, got)
		}
		a := s.append("t", keep, withID(strconv.Itoa(i), "a"), entry("b"), entry("c"))
		if a.Epoch != epoch {
			s.Fatalf("round %d: epoch %q became %q in Append", i, epoch, a.Epoch)
		}
		if i%2 == 1 {
			s.pass(2) // everything expires
			if got := s.read("t", 0, 0, keep).Head.Epoch; got != epoch {
				s.Fatalf("round %d: epoch %q became %q as events expired", i, epoch, got)
			}
		}
	}
}

func clearBeforeFirst(s *scene) {
	before := s.head("t").Epoch
	s.clear("t")
	after := s.head("t").Epoch
	if after == before {
		s.Errorf("Clear left the epoch %q", before)
	}
	if a := s.append("t", plenty, entry("a")); a.Epoch != after {
		s.Errorf("the first event has epoch %q, Read promised %q", a.Epoch, after)
	}
	s.want("t", plenty, 1, "a")
}

func ttlAgesRecords(s *scene) {
	keep := topic.Retention{Size: 100, TTL: s.units(4)}
	s.append("t", keep, entry("a"))
	s.pass(3)
	s.append("t", keep, entry("b"))
	s.want("t", keep, 2, "a", "b")
	s.pass(2)
	p := s.want("t", keep, 2, "b")
	if p.Oldest != 2 {
		s.Errorf("oldest %d, want 2", p.Oldest)
	}
	s.wantResults(s.append("t", keep, entry("c")), 3)
	s.want("t", keep, 3, "b", "c")
}

func headOutlivesRecords(s *scene) {
	keep := topic.Retention{Size: 100, TTL: s.units(1)}
	a := s.append("t", keep, entries(7)...)
	s.pass(3)
	p := s.want("t", keep, 7)
	if p.Oldest != 8 {
		s.Errorf("oldest %d where nothing is kept, want head+1 = 8", p.Oldest)
	}
	if p.Head.Epoch != a.Epoch {
		s.Errorf("epoch %q became %q", a.Epoch, p.Head.Epoch)
	}
	s.wantResults(s.append("t", keep, entry("next")), 8)
}

func ttlZeroKeeps(s *scene) {
	keep := topic.Retention{Size: 100}
	s.append("t", keep, entry("a"))
	s.pass(5)
	s.want("t", keep, 1, "a")
}

func recordsSayWhen(s *scene) {
	const slack = time.Minute // a backend's clock is not ours
	before := time.Now().Add(-slack)
	s.append("t", plenty, entry("a"))
	s.pass(1)
	s.append("t", plenty, entry("b"))
	after := time.Now().Add(slack)
	r := s.want("t", plenty, 2, "a", "b").Records
	if r[0].At.Before(before) || r[1].At.After(after) {
		s.Errorf("records say %v and %v, want within %v and %v", r[0].At, r[1].At, before, after)
	}
	if d := r[1].At.Sub(r[0].At); d < s.units(1)/2 {
		s.Errorf("records that came %v apart say %v", s.units(1), d)
	}
}
