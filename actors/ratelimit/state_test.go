package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// A use is a point that was used, by whoever had it.
type use struct{ taken, at int64 }

// However consumes, leases and pauses follow each other, and whenever in its time a leased point is used,
// no kind admits more than it promises.
func TestMeterNeverAdmitsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := ratelimit.Policy{
			Name:     "limit",
			Kind:     rapid.SampledFrom([]ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding}).Draw(t, "kind"),
			Points:   rapid.IntRange(2, 40).Draw(t, "points"),
			Interval: time.Duration(rapid.Int64Range(100_000, 2_000_000).Draw(t, "µs")) * time.Microsecond,
		}
		uses := play(t, p)
		switch p.Kind {
		case ratelimit.Bucket:
			checkBucket(t, p, uses)
		case ratelimit.Sliding:
			checkSliding(t, p, uses)
		case ratelimit.Fixed:
			checkFixed(t, p, uses)
		}
	})
}

// play returns what was used, in the order in which it was.
func play(t *rapid.T, p ratelimit.Policy) []use {
	var meter ratelimit.Meter
	var uses []use
	now, terms := int64(1_000_000), p.Terms()
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		w := ratelimit.Want{Cost: rapid.SampledFrom([]int{1, 1, 2, p.Points}).Draw(t, "cost"), Count: rapid.SampledFrom([]int{0, 0, 1, p.Points}).Draw(t, "count"),
			Ahead: rapid.SampledFrom([]int{0, 1, p.Points / 2}).Draw(t, "ahead")}
		g, _ := meter.Take(now, terms, w)
		for range g.Allowed * w.Cost {
			uses = append(uses, use{now, now})
		}
		late := int64(float64(g.LeaseFor.Microseconds()-1) * rapid.SampledFrom([]float64{0, 1, 1}).Draw(t, "used"))
		for range g.Leased {
			uses = append(uses, use{now, now + late})
		}
		part := rapid.SampledFrom([]float64{1, 0.95, 0.5, 0.3, 1.0 / 17, 1.0 / 17, 0.05, 0.02, 0.001}).Draw(t, "pause")
		now += int64(part*float64(p.Interval.Microseconds())) + rapid.Int64Range(0, 2).Draw(t, "more")
	}
	slices.SortFunc(uses, func(a, b use) int { return int(a.at - b.at) })
	return uses
}

func checkBucket(t *rapid.T, p ratelimit.Policy, uses []use) {
	points, interval := int64(p.Points), p.Interval.Microseconds()
	for i := range uses {
		for j := i; j < len(uses); j++ {
			if n, d := int64(j-i+1), uses[j].at-uses[i].at; (n-points)*interval > d*points {
				t.Fatalf("%+v: %d points within %d µs", p, n, d)
			}
		}
	}
}

func checkSliding(t *rapid.T, p ratelimit.Policy, uses []use) {
	for i := p.Points; i < len(uses); i++ {
		if d := uses[i].at - uses[i-p.Points].at; d < p.Interval.Microseconds() {
			t.Fatalf("%+v: %d points within %d µs", p, p.Points+1, d)
		}
	}
}

// checkFixed finds the windows as anybody would: by when the first point of one was taken.
func checkFixed(t *rapid.T, p ratelimit.Policy, uses []use) {
	slices.SortFunc(uses, func(a, b use) int { return int(a.taken - b.taken) })
	end, n := int64(0), 0
	for _, u := range uses {
		if u.taken >= end {
			end, n = u.taken+p.Interval.Microseconds(), 0
		}
		if n++; n > p.Points || u.at >= end {
			t.Fatalf("%+v: point %d of a window that ends at %d: %+v", p, n, end, u)
		}
	}
}

// What a Meter says of when a point comes back is so: not before, and, where nobody leases, then.
func TestMeterKnowsWhen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := ratelimit.Policy{
			Kind:     rapid.SampledFrom([]ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding}).Draw(t, "kind"),
			Points:   rapid.IntRange(1, 40).Draw(t, "points"),
			Interval: time.Duration(rapid.Int64Range(1000, 2_000_000).Draw(t, "µs")) * time.Microsecond,
		}
		now, terms := int64(1), p.Terms()
		var meter ratelimit.Meter
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now += rapid.Int64Range(0, p.Interval.Microseconds()).Draw(t, "pause")
			w := ratelimit.Want{Cost: 1, Count: rapid.IntRange(0, p.Points).Draw(t, "count"), Ahead: rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "ahead")}
			g, _ := meter.Take(now, terms, w)
			look := func(later int64) ratelimit.Grant {
				m := meter
				m.Sliding.Strips = slices.Clone(m.Sliding.Strips)
				g, _ := m.Take(now+later, terms, ratelimit.Want{})
				return g
			}
			if next := g.Next.Microseconds(); next > 0 {
				if before, then := look(next-1), look(next); before.Remaining != g.Remaining || then.Remaining <= g.Remaining {
					t.Fatalf("%+v: next %+v; %d just before, %d then", p, g, before.Remaining, then.Remaining)
				}
			}
			if reset := g.Reset.Microseconds(); reset > 0 {
				if before, then := look(reset-1), look(reset); before.Reset == 0 || then.Remaining != p.Points || then.Reset != 0 {
					t.Fatalf("%+v: reset %+v; %+v just before, %+v then", p, g, before, then)
				}
			}
		}
	})
}

// A sliding window is remembered in few strips, however many consume.
func TestMeterIsSmall(t *testing.T) {
	t.Parallel()
	p := ratelimit.Policy{Kind: ratelimit.Sliding, Points: ratelimit.MaxPoints, Interval: time.Minute}
	var meter ratelimit.Meter
	most := 0
	for now := int64(1); now < 300_000_000; now += 10_007 {
		meter.Take(now, p.Terms(), ratelimit.Want{Cost: 1, Count: 1, Ahead: int(now % 3)})
		most = max(most, len(meter.Sliding.Strips))
	}
	if most > 20 {
		t.Errorf("%d strips", most)
	}
}

// A Meter whose stamps lie in the future, since the store's clock was set back, goes on within an interval.
func TestMeterClockSetBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding} {
		p := ratelimit.Policy{Kind: kind, Points: 4, Interval: time.Second}
		var meter ratelimit.Meter
		now := int64(10_000_000_000)
		meter.Take(now, p.Terms(), ratelimit.Want{Cost: 1, Count: 4})
		now -= 3_600_000_000
		allowed := 0
		for range 130 { // 1.3 s
			g, _ := meter.Take(now, p.Terms(), ratelimit.Want{Cost: 1, Count: 1})
			allowed += g.Allowed
			now += 10_000
		}
		if allowed < 4 || allowed > 5 {
			t.Errorf("%s: %d allowed in 1.3 s after the clock was set back", kind, allowed)
		}
	}
}
