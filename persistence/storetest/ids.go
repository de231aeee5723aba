package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

func (s *scene) remembering(units float64) topic.Retention {
	return topic.Retention{Size: 100, Dedup: s.units(units)}
}

func identicalRequests(s *scene) {
	keep := s.remembering(60)
	var mu sync.Mutex
	var wg sync.WaitGroup
	fresh := 0
	for range 10 {
		wg.Go(func() {
			a, err := s.log.Append(s.Context(), "t", []topic.Entry{withID("same", "x")}, keep)
			if err != nil || len(a.Results) != 1 {
				s.Errorf("Append: %d results, %v", len(a.Results), err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !a.Results[0].Duplicate {
				fresh++
			}
			if a.Results[0].Seq != 1 {
				s.Errorf("number %d, want that of the first, 1", a.Results[0].Seq)
			}
		})
	}
	wg.Wait()
	if fresh != 1 {
		s.Errorf("%d of 10 identical requests were taken as new", fresh)
	}
	s.want("t", keep, 1, "x")
}

func duplicatesInBatch(s *scene) {
	keep := s.remembering(60)
	a := s.append("t", keep, withID("1", "a"), entry("b"), withID("1", "c"), withID("2", "d"), withID("1", "e"), entry("f"))
	s.wantResults(a, 1, 2, -1, 3, -1, 4)
	a = s.append("t", keep, withID("2", "g"), withID("3", "h"), withID("1", "i"))
	s.wantResults(a, -3, 5, -1)
	s.want("t", keep, 5, "a", "b", "d", "f", "h")
}

func otherIDOrTopic(s *scene) {
	keep := s.remembering(60)
	s.wantResults(s.append("t", keep, withID("1", "a"), withID("2", "b"), entry("c"), entry("d")), 1, 2, 3, 4)
	s.wantResults(s.append("u", keep, withID("1", "a")), 1)
	s.wantResults(s.append("t", keep, withID("", "e"), withID("", "f")), 5, 6)
	s.want("t", keep, 6, "a", "b", "c", "d", "e", "f")
}

// idsDoNotCollide tries the characters with which stores compose keys.
func idsDoNotCollide(s *scene) {
	keep := s.remembering(60)
	pairs := [][2]string{{"a", "b:c"}, {"a:b", "c"}, {"a", "b"}, {"a", "B"}, {"a", "b "}, {"a", " b"}, {"a:b:c", "d"},
		{"a", "*"}, {"a", "?"}, {"a", "b}"}, {"{a}", "b"}, {"a", "b\x00c"}, {"a", "b\x00"}, {"a", "e\u0301"}, {"a", "\u00e9"},
		{"a", "head"}, {"a", "1"}, {"a", "01"}, {"a", "1.0"}}
	for _, p := range pairs {
		if a := s.append(p[0], keep, withID(p[1], "x")); a.Results[0].Duplicate {
			s.Errorf("topic %q: identifier %q was taken for another one", p[0], p[1])
		}
	}
	for _, p := range pairs {
		if a := s.append(p[0], keep, withID(p[1], "x")); !a.Results[0].Duplicate {
			s.Errorf("topic %q: identifier %q was not remembered", p[0], p[1])
		}
	}
}

func duplicateChangesNothing(s *scene) {
	keep := topic.Retention{Size: 2, Dedup: s.units(60)}
	s.append("t", keep, withID("1", "a"), withID("2", "b"))
	before := s.want("t", keep, 2, "a", "b")
	for range 5 {
		a := s.append("t", keep, withID("2", "again"), withID("1", "again"))
		s.wantResults(a, -2, -1)
		if a.Epoch != before.Head.Epoch {
			s.Errorf("epoch %q became %q", before.Head.Epoch, a.Epoch)
		}
	}
	s.want("t", keep, 2, "a", "b")
	s.wantResults(s.append("t", keep, entry("c")), 3)
}

func idOutlivesRecord(s *scene) {
	keep := topic.Retention{Size: 2, TTL: s.units(1), Dedup: s.units(60)}
	s.append("t", keep, withID("1", "a"))
	for i := range 40 {
		s.append("t", keep, withID("other "+strconv.Itoa(i), "x"))
	}
	s.wantResults(s.append("t", keep, withID("1", "again")), -1)
	s.pass(2)
	s.wantResults(s.append("t", keep, withID("1", "again")), -1)
	s.want("t", keep, 41)
}

func freshAfterDedup(s *scene) {
	keep := s.remembering(1)
	s.append("t", keep, withID("1", "a"))
	s.pass(2)
	s.wantResults(s.append("t", keep, withID("1", "b")), 2)
	s.pass(2)
	s.wantResults(s.append("t", keep, withID("1", "c"), withID("1", "d")), 3, -3)
	s.want("t", keep, 3, "a", "b", "c")
}

func dedupCountsFromFirst(s *scene) {
	keep := s.remembering(4)
	s.append("t", keep, withID("1", "a"))
	s.pass(2.5)
	s.wantResults(s.append("t", keep, withID("1", "b")), -1)
	s.pass(2.5)
	s.wantResults(s.append("t", keep, withID("1", "c")), 2)
}

func dedupZero(s *scene) {
	s.wantResults(s.append("t", plenty, withID("1", "a"), withID("1", "b")), 1, 2)
	s.wantResults(s.append("t", plenty, withID("1", "c")), 3)
}

func clearForgetsIDs(s *scene) {
	keep := s.remembering(60)
	s.append("t", keep, withID("1", "a"))
	s.clear("t")
	s.wantResults(s.append("t", keep, withID("1", "b")), 1)
	s.want("t", keep, 1, "b")
}

func contextEnded(s *scene) {
	keep := s.remembering(60)
	s.append("t", keep, entry("a"))
	canceled, cancel := context.WithCancel(s.Context())
	cancel()
	late, cancel := context.WithDeadline(s.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for ctx, want := range map[context.Context]error{canceled: context.Canceled, late: context.DeadlineExceeded} {
		_, err := s.log.Append(ctx, "t", []topic.Entry{withID("1", "x")}, keep)
		if !errors.Is(err, want) {
			s.Errorf("Append: %v, want %v", err, want)
		}
		if _, err := s.log.Read(ctx, "t", 0, 1, keep); !errors.Is(err, want) {
			s.Errorf("Read: %v, want %v", err, want)
		}
		if err := s.log.Clear(ctx, "t"); !errors.Is(err, want) {
			s.Errorf("Clear: %v, want %v", err, want)
		}
	}
	s.want("t", keep, 1, "a")
	s.wantResults(s.append("t", keep, withID("1", "x")), 2)
}

func emptyBatch(s *scene) {
	epoch := s.head("t").Epoch
	if a := s.append("t", plenty); a.Epoch != epoch {
		s.Errorf("epoch %q, Read said %q", a.Epoch, epoch)
	}
	s.append("t", plenty, entry("a"))
	if a := s.append("t", plenty); a.Epoch != epoch {
		s.Errorf("epoch %q, want %q", a.Epoch, epoch)
	}
	s.want("t", plenty, 1, "a")
}
