package storetest

import (
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

func limitWindowPasses(s *limitScene) {
	p := s.policy(ratelimit.Fixed, 3)
	began := time.Now()
	s.want(p, "k", 1, 1, 2)
	s.want(p, "k", 2, 1, 0)
	g := s.consume(p, "k", 1)
	if time.Since(began) >= s.unit {
		s.Fatal("the store is too slow for this unit")
	}
	if g.Allowed != 0 || g.Remaining != 0 {
		s.Errorf("beyond the points: %+v", g)
	}
	s.close("next", g.Next, s.unit, began)
	s.close("reset", g.Reset, s.unit, began)
	s.pass(g.Reset + time.Millisecond)
	s.want(p, "k", 3, 1, 0)
}

func limitWindowBegins(s *limitScene) {
	p := s.policy(ratelimit.Fixed, 2)
	s.look(p, "k")
	s.pass(s.unit * 3 / 4)
	began := time.Now()
	s.want(p, "k", 1, 1, 1)
	s.pass(s.unit / 2)
	g := s.consume(p, "k", 2)
	if time.Since(began) < s.unit && g.Allowed != 0 {
		s.Errorf("half an interval later: %+v", g)
	}
	s.close("reset", g.Reset, s.unit, began)
}

func limitBucketRefills(s *limitScene) {
	p := s.policy(ratelimit.Bucket, 10)
	before := time.Now()
	g := s.want(p, "k", 10, 1, 0)
	after := time.Now()
	if g.Reset != s.unit || g.Next != s.unit/10 {
		s.Errorf("an empty bucket has a point after %v, all after %v", g.Next, g.Reset)
	}
	for used := 0; time.Since(before) < s.unit*3/2; s.pass(s.unit / 15) {
		least := int(time.Since(after) * 10 / s.unit)
		used += s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 10})[0].Allowed
		most := int(time.Since(before) * 10 / s.unit)
		if used < least || used > most {
			s.Fatalf("%d points, want %d to %d", used, least, most)
		}
	}
	s.pass(s.unit + time.Millisecond)
	if g := s.look(p, "k"); g.Remaining != 10 || g.Next != 0 {
		s.Errorf("after an interval it is not full: %+v", g)
	}
}

// limitBucketBurst shows that a bucket never holds more than its points, however long it rests.
func limitBucketBurst(s *limitScene) {
	p := s.policy(ratelimit.Bucket, 5)
	s.want(p, "k", 1, 1, 4)
	s.pass(3 * s.unit)
	if g := s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 20})[0]; g.Allowed != 5 {
		s.Errorf("%d at once, want 5", g.Allowed)
	}
}

// limitSlidingStretch consumes whatever it can, and looks at every stretch of an interval.
func limitSlidingStretch(s *limitScene) {
	p := s.policy(ratelimit.Sliding, 8)
	type admission struct{ from, to time.Time }
	var all []admission
	for began := time.Now(); time.Since(began) < 3*s.unit; s.pass(s.unit / 40) {
		from := time.Now()
		g := s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 1 + len(all)%4})[0]
		for range g.Allowed {
			all = append(all, admission{from, time.Now()})
		}
	}
	if len(all) < 16 {
		s.Errorf("%d allowed in 3 intervals, want at least 16", len(all))
	}
	for i := 8; i < len(all); i++ {
		if d := all[i].to.Sub(all[i-8].from); d < s.unit {
			s.Fatalf("9 of 8 points within %v", d)
		}
	}
}

func limitSlidingComesBack(s *limitScene) {
	p := s.policy(ratelimit.Sliding, 4)
	began := time.Now()
	s.want(p, "k", 1, 1, 3)
	s.pass(s.unit / 2)
	s.want(p, "k", 2, 1, 1)
	g := s.consume(p, "k", 2)
	s.close("next", g.Next, s.unit, began)
	if g.Reset <= g.Next {
		s.Errorf("all are back after %v, the first after %v", g.Reset, g.Next)
	}
	s.pass(g.Next + time.Millisecond)
	if g := s.consume(p, "k", 2); g.Allowed != 1 {
		s.Errorf("when the first came back: %+v", g)
	}
}

func limitLargest(s *limitScene) {
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		p := ratelimit.Policy{Name: "large" + kind.String(), Kind: kind, Points: ratelimit.MaxPoints, Interval: time.Hour}
		if faults := p.Faults(); len(faults) > 0 {
			s.Fatalf("%v", faults)
		}
		half := ratelimit.MaxPoints / 2
		s.want(p, "k", half, 1, ratelimit.MaxPoints-half)
		g := s.take(p, ratelimit.Want{Key: "k", Cost: half, Count: 3}, ratelimit.Want{Key: "k", Cost: 1, Count: 0})
		if g[0].Allowed != 1 || g[1].Remaining > ratelimit.MaxPoints/100 {
			s.Errorf("%s: then %+v", kind, g)
		}
	}
}

func limitOtherPoints(s *limitScene) {
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		p := ratelimit.Policy{Name: "other" + kind.String(), Kind: kind, Points: 10, Interval: time.Hour}
		s.want(p, "k", 6, 1, 4)
		p.Points = 7
		s.want(p, "k", 2, 0, 1)
		p.Points, p.Interval = 100, 2*time.Hour
		s.want(p, "k", 90, 1, 4)
	}
}
