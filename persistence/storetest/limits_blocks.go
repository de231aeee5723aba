package storetest

import (
	"time"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

func ban(d time.Duration) ratelimit.Change { return ratelimit.Change{Do: ratelimit.Ban, For: d} }

func limitBlock(s *limitScene) {
	p := s.policy(ratelimit.Fixed, 2)
	p.Block = s.unit / 2
	s.want(p, "k", 2, 1, 0)
	began := time.Now()
	g := s.consume(p, "k", 1)
	if g.Allowed != 0 || !g.Blocked || g.Reset != p.Block || g.Next != p.Block {
		s.Errorf("beyond the points: %+v, want a block of %v", g, p.Block)
	}
	g = s.consume(p, "k", 1)
	if time.Since(began) < p.Block && (g.Allowed != 0 || !g.Blocked || g.Reset > p.Block) {
		s.Errorf("while it is blocked: %+v", g)
	}
	s.pass(s.unit + time.Millisecond)
	s.want(p, "k", 2, 1, 0)
}

func limitBlockInRun(s *limitScene) {
	p := s.policy(ratelimit.Bucket, 3)
	p.Block = time.Minute
	g := s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 5}, ratelimit.Want{Key: "k", Cost: 1, Count: 1})
	if g[0].Allowed != 3 || !g[0].Blocked || g[0].Reset != time.Minute || g[1].Allowed != 0 || !g[1].Blocked {
		s.Errorf("a run beyond the points: %+v", g)
	}
	s.pass(s.unit) // the bucket is full
	if g := s.consume(p, "k", 1); g.Allowed != 0 || !g.Blocked || g.Reset > time.Minute-s.unit {
		s.Errorf("an interval later: %+v", g)
	}
}

func limitBlockOutlives(s *limitScene) {
	p := s.policy(ratelimit.Fixed, 1)
	p.Block = s.unit * 3
	s.want(p, "k", 1, 1, 0)
	began := time.Now()
	s.consume(p, "k", 1)
	s.pass(s.unit * 3 / 2)
	g := s.consume(p, "k", 1)
	if time.Since(began) < p.Block && (g.Allowed != 0 || !g.Blocked) {
		s.Errorf("the window has passed, the block has not: %+v", g)
	}
	s.pass(g.Reset + time.Millisecond)
	s.want(p, "k", 1, 1, 0)
}

func limitBanUnban(s *limitScene) {
	p := ratelimit.Policy{Name: "limit", Points: 5, Interval: 24 * time.Hour}
	s.want(p, "k", 2, 1, 3)
	began := time.Now()
	s.change(p, "k", ban(time.Hour))
	g := s.want(p, "k", 1, 0, 0)
	if !g.Blocked {
		s.Errorf("it is not blocked: %+v", g)
	}
	s.close("reset", g.Reset, time.Hour, began)
	s.change(p, "k", ratelimit.Change{Do: ratelimit.Unban})
	s.want(p, "k", 1, 1, 2)
}

// limitBanAgain shows that a ban replaces what blocks, whether longer or shorter.
func limitBanAgain(s *limitScene) {
	p := s.policy(ratelimit.Bucket, 1)
	p.Block = time.Minute
	s.consume(p, "k", 1)
	s.consume(p, "k", 1)
	for _, d := range []time.Duration{time.Hour, time.Second * 10, 1000 * time.Hour} {
		began := time.Now()
		s.change(p, "k", ban(d))
		g := s.consume(p, "k", 1)
		s.close("reset", g.Reset, d, began)
	}
	s.change(p, "k", ban(s.unit/4))
	s.pass(s.unit/4 + time.Millisecond)
	if g := s.look(p, "k"); g.Blocked {
		s.Errorf("after the last ban: %+v", g)
	}
}

func limitBanUnknown(s *limitScene) {
	p := s.policy(ratelimit.Sliding, 3)
	s.change(p, "k", ban(s.unit/2))
	began := time.Now()
	if g := s.look(p, "k"); time.Since(began) < s.unit/2 && (!g.Blocked || g.Remaining != 0) {
		s.Errorf("banned: %+v", g)
	}
	s.pass(s.unit/2 + time.Millisecond)
	s.want(p, "k", 3, 1, 0)
	s.change(p, "other", ratelimit.Change{Do: ratelimit.Unban})
	s.change(p, "other", ratelimit.Change{Do: ratelimit.Reset})
	s.want(p, "other", 3, 1, 0)
}

func limitReset(s *limitScene) {
	p := ratelimit.Policy{Name: "limit", Points: 2, Interval: time.Hour, Block: time.Hour}
	s.take(p, ratelimit.Want{Key: "k", Cost: 1, Count: 3})
	s.change(p, "k", ratelimit.Change{Do: ratelimit.Reset})
	s.want(p, "k", 1, 1, 1)
}

func limitClear(s *limitScene) {
	one := ratelimit.Policy{Name: "one", Kind: ratelimit.Fixed, Points: 1, Interval: time.Hour}
	two := ratelimit.Policy{Name: "one:two", Kind: ratelimit.Fixed, Points: 1, Interval: time.Hour}
	keys := []string{"a", "b}", "{c}", "*", "d\x00", "\xff", "one:two"}
	for _, key := range keys {
		s.want(one, key, 1, 1, 0)
		s.want(two, key, 1, 1, 0)
	}
	if err := s.store.Clear(s.Context(), one); err != nil {
		s.Fatalf("Clear: %v", err)
	}
	for _, key := range keys {
		s.want(one, key, 1, 1, 0)
		s.want(two, key, 1, 0, 0)
	}
}
