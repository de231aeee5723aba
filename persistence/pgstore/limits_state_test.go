package pgstore

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

var limitKinds = []ratelimit.Kind{ratelimit.Bucket, ratelimit.Fixed, ratelimit.Sliding}

// What is written and read again at every step answers as a ratelimit.Meter that stays in memory does, to the
// microsecond, whatever is asked at whatever time, under terms that change, and when the server's clock is set back.
func TestLimitsAgreeWithMeter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(limitKinds).Draw(t, "kind")
		a := &limitAgreement{T: t, p: drawPolicy(t, kind), now: 1_700_000_000_000_000}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 30).Draw(t, "what"); {
			case what == 0:
				a.p, a.stale = drawPolicy(t, kind), true
			case what <= 2:
				a.alter()
			default:
				a.take()
			}
			before := a.now
			part := rapid.SampledFrom([]float64{0, 0, 1e-9, 0.01, 1.0 / 16, 0.1, 0.3, 1, 1.2, -0.5, -3}).Draw(t, "pass")
			a.now += int64(part*float64(a.p.Interval.Microseconds())) + rapid.Int64Range(0, 3).Draw(t, "µs more")
			a.stale = a.stale || a.now < before
		}
	})
}

func drawPolicy(t *rapid.T, kind ratelimit.Kind) ratelimit.Policy {
	p := ratelimit.Policy{Name: "l", Kind: kind,
		Points:   rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 3000)).Draw(t, "points"),
		Interval: time.Duration(rapid.Int64Range(60e6, 3600e6).Draw(t, "interval")) * time.Microsecond,
		Block:    time.Duration(rapid.SampledFrom([]int{0, 0, 1, 50, 500}).Draw(t, "block")) * time.Second,
	}
	if len(p.Faults()) > 0 {
		t.Fatalf("%v", p.Faults())
	}
	return p
}

type limitAgreement struct {
	*rapid.T
	p     ratelimit.Policy
	meter ratelimit.Meter
	state string // "": no row
	gone  int64
	now   int64
	swept bool // the row was dropped before this step
	stale bool // the row's end is by terms, or a clock, of before
}

// row is what the table has; a row that is gone may be there or not.
func (a *limitAgreement) row() map[string]*standing {
	if a.swept = a.state != "" && a.gone < a.now && !a.stale && rapid.Bool().Draw(a.T, "swept"); a.swept {
		a.state = ""
	}
	if a.state == "" {
		return map[string]*standing{}
	}
	return map[string]*standing{"k": {meter: decodeMeter(a.state), gone: a.gone}}
}

// forgot makes the meter forget too what was swept: else it would know it again when the clock is set back.
func (a *limitAgreement) forgot() {
	if a.swept {
		a.meter = decodeMeter(a.state)
	}
}

func (a *limitAgreement) store(s *standing) {
	if s == nil || !s.changed {
		return
	}
	if a.state = encodeMeter(&s.meter); len(a.state) > maxState {
		a.Fatalf("a state of %d bytes", len(a.state))
	}
	s.keep(a.now, a.p.Terms())
	a.gone = s.gone
}

func (a *limitAgreement) take() {
	batch := []ratelimit.Want{{Key: "k",
		Cost:  rapid.IntRange(1, min(a.p.Points, 12)).Draw(a.T, "cost"),
		Count: rapid.IntRange(0, 5).Draw(a.T, "count"),
		Ahead: rapid.SampledFrom([]int{0, 0, 0, 1, 4, 1000}).Draw(a.T, "ahead")}, {Key: "k"}}
	known := a.row()
	got := take(known, a.now, a.p.Terms(), batch)
	a.store(known["k"])
	a.stale = a.stale && !known["k"].changed
	for i, w := range batch {
		if want, _ := a.meter.Take(a.now, a.p.Terms(), w); got[i] != want {
			a.Fatalf("%+v at %d: got %+v, want %+v, of %+v", w, a.now, got[i], want, a.meter)
		}
	}
	a.forgot()
}

func (a *limitAgreement) alter() {
	c := ratelimit.Change{Do: ratelimit.Deed(rapid.IntRange(0, 2).Draw(a.T, "deed")),
		For: time.Duration(rapid.Int64Range(1, 2*a.p.Interval.Microseconds()).Draw(a.T, "for")) * time.Microsecond}
	a.meter.Change(a.now, c)
	known := a.row()
	alter(known, "k", a.now, c)
	a.store(known["k"])
	a.forgot()
}

// A meter comes back as it was written.
func TestMeterText(t *testing.T) {
	t.Parallel()
	for _, m := range []ratelimit.Meter{
		{},
		{Until: 7},
		{Bucket: ratelimit.Level{Debt: 1, At: 2, Token: 3, Leased: 4, Slot: 5}},
		{Fixed: ratelimit.Window{Used: 1, End: maxNumber}},
		{Sliding: ratelimit.Log{Begun: 1, Strips: []ratelimit.Strip{{Until: 2, Points: 3}, {Until: 4, Points: 5}}}},
		{Until: 1, Bucket: ratelimit.Level{Token: 3}, Fixed: ratelimit.Window{Used: 1}, Sliding: ratelimit.Log{Strips: []ratelimit.Strip{{Until: 0, Points: 0}}}},
	} {
		if got := decodeMeter(encodeMeter(&m)); !reflect.DeepEqual(got, m) {
			t.Errorf("%+v written as %q and read as %+v", m, encodeMeter(&m), got)
		}
	}
}

// Whatever is in a row, it is no crash, lets through no more than there is, and keeps nobody out who waits long enough.
func FuzzMeterText(f *testing.F) {
	for _, text := range []string{"", "x", "u", "u x", "u 1 2", "b 1", "b 1 2 3 4 5", "b 1 2 0 4 5", "b 9007199254740991 9007199254740991 1 9007199254740991 9007199254740991",
		"f 1", "f 1 2", "f 9007199254740992 1", "f -1 5", "s", "s 1", "s 1 2", "s 1 2 3", "s 0 9 1 5 9007199254740991", ";;;", "u 1;u 2;f 1 2;b 1 2 3 4 5",
		"s " + strings.Repeat("1 ", 500) + "1", "\x00", "u  1", strings.Repeat("9", 5000)} {
		f.Add(text, int64(1_700_000_000_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		if now < 0 || now > maxNumber/2 {
			return
		}
		for _, kind := range limitKinds {
			p := ratelimit.Policy{Name: "l", Kind: kind, Points: 3, Interval: time.Second}
			m := decodeMeter(text)
			m.Until = 0 // a ban may be long
			for step := range int64(4) {
				g, _ := m.Take(now+step*1_200_000, p.Terms(), ratelimit.Want{Key: "k", Cost: 1, Count: 5})
				if g.Allowed < 0 || g.Allowed > 3 || g.Remaining < 0 || g.Next < 0 || g.Reset < 0 || step == 3 && g.Allowed != 3 {
					t.Fatalf("%q as %s, step %d: %+v", text, kind, step, g)
				}
			}
		}
	})
}

// A row stays for as long as it says something, and not for ever.
func TestStandingKeep(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, kind := range limitKinds {
		p := ratelimit.Policy{Name: "l", Kind: kind, Points: 100, Interval: 10 * time.Second}
		s := &standing{}
		moved, steps := 0, 0
		for now := int64(1e15); now < 1e15+60e6; now += random.Int64N(20_000) {
			s.meter.Take(now, p.Terms(), ratelimit.Want{Cost: 1, Count: 1})
			before := s.gone
			s.keep(now, p.Terms())
			rest := s.meter.Rest(now, p.Terms())
			if s.gone < now+rest || s.gone > now+rest+60e6 {
				t.Fatalf("%s: it goes in %d, and says something for %d", kind, s.gone-now, rest)
			}
			if steps++; s.gone != before {
				moved++
			}
		}
		if moved*20 > steps {
			t.Errorf("%s: %s", kind, fmt.Sprintf("the row's end moved in %d of %d steps", moved, steps))
		}
	}
}
