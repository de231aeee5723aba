package breaker

import (
	"testing"
	"time"
)

// A script is a sequence of steps on a machine with threshold 3, reset 30 s and
// probe 10 s: "f" a failure, "s" a success, "u" unclear, "a" a call that must
// be allowed, "r" one that must be refused, "R" a reset, a number so many seconds.
func TestMachine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		want         State
		moves        string
	}{
		{"starts healthy", "a", Healthy, ""},
		{"failures below the threshold", "aff", Healthy, ""},
		{"a success starts over", "ffsff", Healthy, ""},
		{"an unclear outcome does not start over", "ffuf", Broken, "B"},
		{"unclear outcomes never break", "uuuuuu", Healthy, ""},
		{"refuses while broken", "fffrr", Broken, "B"},
		{"late outcomes while broken", "fffsfu r", Broken, "B"},
		{"one probe", "fff+ar", Probing, "BP"},
		{"probe succeeds", "fff+asaa", Healthy, "BPH"},
		{"counter is zero after recovery", "fff+asff", Healthy, "BPH"},
		{"probe fails", "fff+afr", Broken, "BPB"},
		{"second probe", "fff+af+as", Healthy, "BPBPH"},
		{"unclear probe frees the place", "fff+aua", Probing, "BP"},
		{"report without a probe", "fff+auf", Probing, "BP"},
		{"abandoned probe", "fff+ar-a", Probing, "BP"},
		{"reset", "fffRa", Healthy, "BH"},
		{"reset while probing", "fff+aRaa", Healthy, "BPH"},
		{"reset of a healthy one", "ffRff", Healthy, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &machine{threshold: 3, reset: 30 * time.Second, probe: 10 * time.Second}
			play(t, m, tt.script)
			if m.state != tt.want {
				t.Errorf("%s, want %s", m.state, tt.want)
			}
			moves := ""
			for _, mv := range m.moves {
				moves += string("HPB"[mv.to])
			}
			if moves != tt.moves {
				t.Errorf("moves %q, want %q", moves, tt.moves)
			}
		})
	}
}

// play runs script; "+" is the reset time, "-" the probe time.
func play(t *testing.T, m *machine, script string) {
	t.Helper()
	now := time.Unix(0, 0)
	for i, c := range script {
		switch c {
		case 'f':
			m.report(now, anonymous, failed)
		case 's':
			m.report(now, anonymous, succeeded)
		case 'u':
			m.report(now, anonymous, unclear)
		case 'R':
			m.heal(now)
		case '+':
			now = now.Add(m.reset)
		case '-':
			now = now.Add(m.probe)
		case 'a', 'r':
			if _, wait, ok := m.allow(now); ok != (c == 'a') || ok != (wait == 0) {
				t.Errorf("step %d of %q: allowed %v, wait %v", i, script, ok, wait)
			}
		}
	}
}

// Only the call that probes decides: one from before the break, or a probe that
// lost its place, knows nothing about now.
func TestOnlyTheProbeDecides(t *testing.T) {
	t.Parallel()
	m := &machine{threshold: 1, probe: 10 * time.Second}
	now := time.Unix(0, 0)
	m.report(now, ordinary, failed)
	first, _, _ := m.allow(now)
	now = now.Add(10 * time.Second)
	second, _, ok := m.allow(now)
	if !ok || first == second {
		t.Fatalf("second probe: allowed %v with ticket %d after %d", ok, second, first)
	}
	for _, stale := range []ticket{ordinary, first} {
		m.report(now, stale, succeeded)
		m.report(now, stale, failed)
		if m.state != Probing {
			t.Fatalf("the outcome of ticket %d made it %v", stale, m.state)
		}
	}
	m.report(now, second, succeeded)
	if m.state != Healthy {
		t.Errorf("after the probe succeeded: %v", m.state)
	}
}

func FuzzMachine(f *testing.F) {
	f.Add("fff+afr-aRs")
	f.Add("ffsff+a-a-aus")
	f.Fuzz(func(t *testing.T, script string) {
		m := &machine{threshold: 3, reset: 30 * time.Second, probe: 10 * time.Second}
		now, state, outage := time.Unix(0, 0), Healthy, uint64(0)
		for _, c := range script {
			switch c {
			case 'f', 's', 'u':
				m.report(now, anonymous, map[rune]verdict{'f': failed, 's': succeeded, 'u': unclear}[c])
			case 'a':
				m.allow(now)
			case 'R':
				m.heal(now)
			default:
				now = now.Add(time.Duration(c%40) * time.Second)
			}
		}
		for _, mv := range m.moves {
			if mv.from != state || mv.to == state {
				t.Fatalf("move %v after %v", mv, state)
			}
			if mv.from == Healthy {
				outage++
			}
			if mv.outage != outage {
				t.Fatalf("move %v in outage %d", mv, outage)
			}
			state = mv.to
		}
		if state != m.state {
			t.Fatalf("moves end in %v, state is %v", state, m.state)
		}
	})
}
