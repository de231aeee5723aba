package storetest

import (
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

// limitModel makes random calls and compares with a ratelimit.Meter. Where time is real, intervals are so
// long that it does not matter that both do not decide at the same moment.
func limitModel(s *limitScene) {
	round := 0
	rapid.Check(struct{ rapid.TB }{s.T}, func(t *rapid.T) {
		round++
		p := ratelimit.Policy{
			Name:     "model" + strconv.Itoa(round),
			Kind:     rapid.SampledFrom(limitKinds).Draw(t, "kind"),
			Points:   rapid.IntRange(1, 12).Draw(t, "points"),
			Interval: time.Duration(rapid.IntRange(10, 1000).Draw(t, "interval")) * time.Minute,
		}
		if rapid.Bool().Draw(t, "blocks") {
			p.Block = p.Interval / time.Duration(rapid.IntRange(1, 20).Draw(t, "block"))
		}
		m := &limitModelRun{s: s, t: t, p: p, meters: map[string]*ratelimit.Meter{}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			m.step()
			if pause := rapid.IntRange(0, 40).Draw(t, "pause"); s.fake {
				s.pass(p.Interval * time.Duration(pause*pause) / 1600)
			}
		}
	})
}

type limitModelRun struct {
	s      *limitScene
	t      *rapid.T
	p      ratelimit.Policy
	meters map[string]*ratelimit.Meter
}

func (m *limitModelRun) step() {
	key := rapid.SampledFrom([]string{"a", "b"}).Draw(m.t, "key")
	meter := m.meters[key]
	if meter == nil {
		meter = &ratelimit.Meter{}
		m.meters[key] = meter
	}
	switch rapid.IntRange(0, 9).Draw(m.t, "what") {
	case 0:
		c := ratelimit.Change{Do: ratelimit.Deed(rapid.IntRange(0, 2).Draw(m.t, "deed")), For: m.p.Interval}
		m.s.change(m.p, key, c)
		meter.Change(m.now(), c)
	default:
		w := ratelimit.Want{Key: key, Cost: rapid.IntRange(1, m.p.Points).Draw(m.t, "cost"),
			Count: rapid.IntRange(0, 4).Draw(m.t, "count"), Ahead: rapid.IntRange(0, 3).Draw(m.t, "ahead")}
		got := m.s.take(m.p, w)[0]
		want, _ := meter.Take(m.now(), m.p.Terms(), w)
		if got.Allowed != want.Allowed || got.Leased != want.Leased || got.Remaining != want.Remaining || got.Blocked != want.Blocked {
			m.t.Fatalf("%+v of %+v: %+v, want %+v", w, m.p, got, want)
		}
	}
}

func (m *limitModelRun) now() int64 { return time.Now().UnixMicro() }
