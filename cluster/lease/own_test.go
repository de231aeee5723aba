package lease

import (
	"testing"
	"time"
)

// TestOwnLeaseEmptied shows which life a node goes on with that finds the leases lost: the one it has, if its
// lease can not have run out before that.
func TestOwnLeaseEmptied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		standing Standing
		asked    time.Duration // after the last renewal
		answered time.Duration
		life     string
		want     string
	}{
		"written back in time":            {Held, 5 * time.Second, 5999 * time.Millisecond, "other", "1"},
		"written back too late":           {Held, 6 * time.Second, 6 * time.Second, "other", "2"},
		"written back, answered too late": {Held, 5 * time.Second, 6 * time.Second, "other", "2"},
		"absent in time":                  {Absent, 5 * time.Second, 5999 * time.Millisecond, "other", "1"},
		"absent, answered too late":       {Absent, 5 * time.Second, 6 * time.Second, "other", "2"},
		"not emptied, late":               {Held, time.Hour, time.Hour, "x", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			p.times(1)
			p.view.Standing, p.view.Life = c.standing, []string{c.life}
			e := p.s.observe(p.now.Add(c.asked), p.now.Add(c.answered), p.view)
			if got := p.s.self.Incarnation; got != c.want {
				t.Errorf("goes on as %s, want %s", got, c.want)
			}
			if held := c.standing == Held && c.want == "1"; e.held != held || p.s.request().Join == held {
				t.Errorf("held %v, asks for %+v", e.held, p.s.request())
			}
		})
	}
	t.Run("another life that was never told of", func(t *testing.T) {
		t.Parallel()
		p := newPlay(t)
		p.times(1)
		p.view.Standing = Claimed
		p.times(1)
		p.view.Standing, p.view.Life = Held, []string{"other"} // it may have joined, and been claimed
		p.after(6 * time.Second)
		p.times(1)
		if got := p.s.self.Incarnation; got != "3" {
			t.Errorf("goes on as %s", got)
		}
	})
}
