package lease

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// A play is a state with a clock of its own.
type play struct {
	t    *testing.T
	s    *state
	now  time.Time
	skew time.Duration // of the backend's clock
	view View
}

var start = time.Unix(1000, 0)

func newPlay(t *testing.T) *play {
	lives := 1
	mint := func() string { lives++; return strconv.Itoa(lives) }
	s := &state{ttl: 6 * time.Second, every: 2 * time.Second, mint: mint, self: Member{ID: "me", Incarnation: "1"},
		known: map[key]Member{}, dead: map[key]Member{}, twins: map[key]twin{}, buried: map[key]bool{}}
	return &play{t: t, s: s, now: start, view: View{Life: []string{"x"}}}
}

// after lets time pass, and a renewal succeed.
func (p *play) after(d time.Duration) effects {
	p.now = p.now.Add(d)
	v := p.view
	v.Now = p.now.Add(p.skew)
	v.Members = slices.Clone(v.Members)
	return p.s.observe(p.now, p.now, v)
}

// times lets so many rounds pass and returns the last.
func (p *play) times(n int) (e effects) {
	for range n {
		e = p.after(p.s.every)
	}
	return e
}

func (p *play) member(id string, until time.Duration) {
	p.view.Members = append(p.view.Members, Lease{Member: Member{ID: id, Incarnation: "1"}, Until: start.Add(until)})
}

func told(e effects) (all []string) {
	for _, n := range e.notices {
		switch {
		case n.emptied:
			all = append(all, "emptied")
		case n.lost != nil:
			all = append(all, fmt.Sprint("lost ", n.lost[0].Incarnation, " ", n.lost[1].Incarnation))
		default:
			all = append(all, fmt.Sprint(n.change.Kind, " ", n.change.Member.ID))
		}
	}
	return all
}

// TestEntitlement shows when a node may declare another one dead.
func TestEntitlement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play func(p *play) effects
		want bool
	}{
		"at first":                 {func(p *play) effects { return p.after(0) }, false},
		"just before a lease":      {func(p *play) effects { p.times(3); return p.after(1999 * time.Millisecond) }, false},
		"after a lease":            {func(p *play) effects { return p.times(4) }, true},
		"after a failure":          {func(p *play) effects { p.times(4); p.s.failed(); return p.after(250 * time.Millisecond) }, false},
		"a lease after a failure":  {func(p *play) effects { p.times(4); p.s.failed(); return p.times(4) }, true},
		"after a small delay":      {func(p *play) effects { p.times(4); return p.after(3 * time.Second) }, true},
		"after a pause":            {func(p *play) effects { p.times(4); return p.after(3001 * time.Millisecond) }, false},
		"after a jump":             {func(p *play) effects { p.times(4); p.skew = 1001 * time.Millisecond; return p.times(1) }, false},
		"after a jump back":        {func(p *play) effects { p.times(4); p.skew = -1001 * time.Millisecond; return p.times(1) }, false},
		"a lease after a jump":     {func(p *play) effects { p.times(4); p.skew = time.Hour; return p.times(4) }, true},
		"while not holding itself": {func(p *play) effects { p.times(4); p.view.Standing = Claimed; return p.times(1) }, false},
		"just born again": {func(p *play) effects {
			p.times(4)
			p.view.Standing = Claimed
			p.times(1)
			p.view.Standing = Held
			return p.times(1)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			p.member("x", -time.Hour)
			if e := c.play(p); c.want != (len(e.claims) == 1) {
				t.Errorf("claims %v", e.claims)
			}
		})
	}
}

func TestClaimable(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.times(1)
	p.member("me", -time.Hour) // not even so
	p.member("alive", time.Hour)
	p.member("expired", 10*time.Second)
	p.member("not yet", 10*time.Second+time.Millisecond)
	for id, d := range map[string]Death{"unclaimed": {Until: start.Add(10 * time.Second)}, "claimed": {Until: start.Add(time.Hour)}, "done": {Until: start, Done: true}} {
		d.Member = Member{ID: id, Incarnation: "1"}
		p.view.Dead = append(p.view.Dead, d)
	}
	var ids []string
	for _, m := range p.times(4).claims {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"expired", "unclaimed"}) {
		t.Errorf("claims %v", ids)
	}
}

// TestOwnLease shows what follows from each standing.
func TestOwnLease(t *testing.T) {
	t.Parallel()
	t.Run("claimed", func(t *testing.T) {
		t.Parallel()
		p := newPlay(t)
		p.times(2)
		p.view.Standing = Claimed
		if e := p.times(1); !e.again || len(e.notices) > 0 {
			t.Errorf("effects %+v, want the next renewal soon", e)
		}
		if r := p.s.request(); !r.Join || r.Self.Incarnation != "2" {
			t.Errorf("asks for %+v", r)
		}
		p.times(1) // and claimed again before it was ever told of
		p.view.Standing = Held
		if got := told(p.times(1)); !slices.Equal(got, []string{"lost 1 3"}) {
			t.Errorf("told %q", got)
		}
		if r := p.s.request(); r.Join {
			t.Error("joins though it holds its lease")
		}
		// Our former lives are no other nodes, whatever becomes of them.
		p.member("me", time.Hour)
		if got := told(p.times(1)); len(got) > 0 {
			t.Errorf("told %q of a former life", got)
		}
	})
	t.Run("absent in time", func(t *testing.T) {
		t.Parallel()
		p := newPlay(t)
		p.times(2)
		p.view.Standing = Absent
		p.after(5999 * time.Millisecond)
		if r := p.s.request(); !r.Join || r.Self.Incarnation != "1" {
			t.Errorf("asks for %+v, want the same life", r)
		}
		p.view.Standing = Claimed // after all
		p.times(1)
		p.view.Standing = Held
		if got := told(p.times(1)); !slices.Equal(got, []string{"lost 1 2"}) {
			t.Errorf("told %q", got)
		}
	})
	t.Run("absent too late", func(t *testing.T) {
		t.Parallel()
		p := newPlay(t)
		p.times(2)
		p.view.Standing = Absent
		p.after(6 * time.Second)
		if r := p.s.request(); !r.Join || r.Self.Incarnation != "2" {
			t.Errorf("asks for %+v, want another life", r)
		}
	})
}

// TestLives shows which changes of the random texts mean that something was lost.
func TestLives(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	for i, c := range []struct {
		life    []string
		emptied bool
		restore bool
	}{
		{[]string{"a", "b", ""}, false, false},
		{[]string{"a", "b", "c"}, false, false}, // read for the first time
		{[]string{"a", "", ""}, false, false},   // not readable just now
		{[]string{"a", "b", "c"}, false, false},
		{[]string{"a", "B", "c"}, true, false}, // another master
		{[]string{"A", "B", "c"}, true, true},  // that of the leases
		{[]string{"A", "B", "c"}, false, false},
		{[]string{"1", "2", "3"}, true, true},
	} {
		p.view.Life = c.life
		e := p.times(1)
		if got := slices.Equal(told(e), []string{"emptied"}); got != c.emptied || p.s.restore != c.restore {
			t.Errorf("step %d, %q: told %q, restores %v", i, c.life, told(e), p.s.restore)
		}
	}
}

// TestWriteBack shows that what is known is kept while the backend has lost it, and
// is asked to be written back until that succeeds.
func TestWriteBack(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.member("a", time.Hour)
	p.member("b", time.Hour)
	p.view.Dead = []Death{{Member: Member{ID: "x", Incarnation: "1"}, Until: start}, {Member: Member{ID: "y", Incarnation: "1"}, Done: true}}
	if got := told(p.times(1)); !slices.Equal(got, []string{"joined a", "joined b"}) {
		t.Fatalf("told %q", got)
	}
	before := p.view
	p.view = View{Life: []string{"other"}}
	if e := p.times(1); !e.again || !slices.Equal(told(e), []string{"emptied"}) || len(p.s.view) != 3 {
		t.Errorf("effects %+v, view %v", e, p.s.view)
	}
	for range 2 {
		r := p.s.request()
		if len(r.Members) != 2 || len(r.Dead) != 1 || r.Dead[0].ID != "x" {
			t.Errorf("asks for %+v", r)
		}
		p.s.failed()
	}
	before.Life = p.view.Life
	p.view = before
	if e := p.times(1); e.again || len(told(e)) > 0 {
		t.Errorf("effects %+v", e)
	}
	if r := p.s.request(); len(r.Members)+len(r.Dead) > 0 {
		t.Errorf("asks again for %+v", r)
	}
}

// TestMembersComeAndGo shows each way to come and go, told once.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.member("me", time.Hour)
	p.member("b", time.Hour)
	p.member("a", time.Hour)
	steps := []struct {
		change func()
		want   []string
	}{
		{func() {}, []string{"joined a", "joined b"}},
		{func() {}, nil},
		{func() { p.view.Members = p.view.Members[:2] }, []string{"left a"}},
		{func() {
			p.view.Members = p.view.Members[:1]
			p.view.Dead = []Death{{Member: Member{ID: "b", Incarnation: "1"}}, {Member: Member{ID: "stranger", Incarnation: "1"}}}
		}, []string{"died b"}},
		{func() {}, nil},
		{func() { p.view.Dead[0].Done = true }, nil},
		{func() { p.member("c", time.Hour) }, []string{"joined c"}},
		{func() { // died and cleaned up after between two looks
			p.view.Members = p.view.Members[:1]
			p.view.Dead = append(p.view.Dead, Death{Member: Member{ID: "c", Incarnation: "1"}, Done: true})
		}, []string{"died c"}},
		{func() { p.member("d", time.Hour) }, []string{"joined d"}},
		{func() { // a stranger's claim on a lease that stands
			p.view.Dead = append(p.view.Dead, Death{Member: Member{ID: "d", Incarnation: "1"}})
		}, nil},
	}
	for i, step := range steps {
		step.change()
		if got := told(p.times(1)); !slices.Equal(got, step.want) {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
	}
}

func TestTwin(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.view.Members = []Lease{{Member: Member{ID: "me", Incarnation: "twin"}}}
	var all []string
	for i := range 6 {
		p.view.Members[0].Until = start.Add(time.Duration(min(max(i, 2), 4)) * time.Second) // still at first and at last
		all = append(all, fmt.Sprint(told(p.times(1))))
	}
	if want := []string{"[joined me]", "[]", "[]", "[]", "[doubled me]", "[]"}; !slices.Equal(all, want) {
		t.Errorf("told %q, want %q", all, want)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.member("z", 8*time.Second)         // just renewed
	p.member("late", 5*time.Second)      // as late as may be
	p.member("suspect", 5*time.Second-1) //
	p.member("expired", time.Second)     //
	p.view.Dead = []Death{{Member: Member{ID: "dead", Incarnation: "1"}}, {Member: Member{ID: "done", Incarnation: "1"}, Done: true}}
	e := p.times(1)
	var got []string
	for _, l := range p.s.view {
		got = append(got, l.ID+" "+string(l.State))
	}
	if want := []string{"dead dead", "expired suspect", "late alive", "suspect suspect", "z alive"}; !slices.Equal(got, want) {
		t.Errorf("shows %q, want %q", got, want)
	}
	if e.wait != 2*time.Second {
		t.Errorf("waits %v", e.wait)
	}
	p.member("soon", 4*time.Second+300*time.Millisecond)
	if e := p.times(1); e.wait != 300*time.Millisecond {
		t.Errorf("waits %v, want until the lease ends", e.wait)
	}
}

// TestRisen shows that who was told to have died is not taken for alive, when the backend goes back to
// before it was claimed.
func TestRisen(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.member("x", time.Hour)
	p.times(1)
	p.view = View{Life: p.view.Life, Dead: []Death{{Member: Member{ID: "x", Incarnation: "1"}, Done: true}}}
	if got := told(p.times(1)); !slices.Equal(got, []string{"died x"}) {
		t.Fatalf("told %q", got)
	}
	p.view.Dead = nil
	p.member("x", time.Hour)
	for range 2 {
		if e := p.times(1); !e.again || len(e.notices) > 0 {
			t.Errorf("effects %+v", e)
		}
		if r := p.s.request(); len(r.Dead) != 1 || r.Dead[0].ID != "x" {
			t.Errorf("asks for %+v", r)
		}
	}
	p.view.Members = nil
	if e := p.times(1); e.again || len(e.notices) > 0 || len(p.s.request().Dead) > 0 {
		t.Errorf("effects %+v, then asks for %+v", e, p.s.request())
	}
}

// TestClaimWasForgotten empties the backend after a claim of ours and before any view of it.
func TestClaimWasForgotten(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.member("x", 0)
	p.member("a", time.Hour)
	x := p.view.Members[0].Member
	p.times(1)
	p.s.won(x)
	p.view = View{Life: []string{"other"}}
	p.times(1)
	if r := p.s.request(); len(r.Dead) != 1 || r.Dead[0] != x || len(r.Members) != 1 || r.Members[0].ID != "a" {
		t.Errorf("asks for %+v", r)
	}
	p.member("x", time.Hour) // another node wrote it back
	p.member("a", time.Hour)
	if got := told(p.times(1)); !slices.Equal(got, []string{"died x"}) {
		t.Errorf("told %q", got)
	}
	if r := p.s.request(); len(r.Dead) != 1 || r.Dead[0] != x {
		t.Errorf("asks for %+v", r)
	}
}

func TestBuriedAreBounded(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	for i := range 3000 {
		p.s.bury(key{"x", strconv.Itoa(i)})
		p.s.bury(key{"x", strconv.Itoa(i)})
	}
	if len(p.s.buried) != maxBuried || len(p.s.graves) != maxBuried || !p.s.buried[key{"x", "2999"}] {
		t.Errorf("%d buried, %d graves", len(p.s.buried), len(p.s.graves))
	}
}
