package redisbus

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

func newTestLink() *link {
	b := &Bus{links: map[string]*link{}}
	b.metrics = newMetrics(nil, b)
	l := &link{bus: b, up: true, pings: pings{id: "mine"}}
	b.homeLink = l
	return l
}

func TestPingsMissed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// Each letter is a tick: t taken and not heard, h heard, f not taken, e heard
		// late, x somebody else's is heard.
		ticks string
		want  error
	}{
		"all heard":       {"hhhhhhhhhhhh", nil},
		"four missed":     {"htttt", nil},
		"five missed":     {"httttt", errSilent},
		"one comes":       {"htttthtttt", nil},
		"one comes late":  {"htttette", nil},
		"none are taken":  {"hffffffffffff", nil},
		"taken again":     {"hfffffffftttt", nil},
		"missed again":    {"hffffffffttttt", errSilent},
		"of another link": {"httxtt", errSilent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTestLink()
			for i := range len(c.ticks) {
				if err := l.fault(); err != nil {
					t.Fatalf("%v after tick %d", err, i)
				}
				number, payload := l.nextPing(time.Unix(int64(number(l)), 0))
				switch what := c.ticks[i]; what {
				case 'e':
					l.pinged(number, true)
					l.heard("mine 1")
				case 'x':
					l.pinged(number, true)
					l.heard("other 9")
					l.heard("mine 999")
					l.heard("mine x")
					l.heard("")
				case 'h':
					l.heard(string(payload))
					l.pinged(number, true)
				default:
					l.pinged(number, what == 't')
				}
			}
			if err := l.fault(); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func number(l *link) uint64 { return l.pings.last + 1 }

// TestKnownGood: what was sent before a ping that is heard has arrived, no more.
func TestKnownGood(t *testing.T) {
	t.Parallel()
	l := newTestLink()
	var payloads []string
	for i := range 4 {
		n, payload := l.nextPing(time.Unix(int64(100+i), 0))
		l.pinged(n, true)
		payloads = append(payloads, string(payload))
	}
	for _, c := range []struct {
		hear int
		good int64
	}{{0, 100}, {2, 102}, {1, 102}, {2, 102}, {3, 103}} {
		l.heard(payloads[c.hear])
		if l.good.Unix() != c.good {
			t.Errorf("after ping %d all before %d has arrived, want %d", c.hear, l.good.Unix(), c.good)
		}
	}
}

// TestParkedWaitsForHome: while the one server is away, what is due must not keep the
// placer busy.
func TestParkedWaitsForHome(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &Bus{conn: &redisconn.Conn{}, homeNext: now.Add(time.Second)}
	b.park(&entry{}, now.Add(-time.Minute))
	if next := b.nextPlacing(); !next.Equal(b.homeNext) {
		t.Errorf("placing again in %v", next.Sub(now))
	}
	b.homeLink = newTestLink()
	if next := b.nextPlacing(); next.After(now) {
		t.Errorf("placing again in %v although something is due", next.Sub(now))
	}
}
