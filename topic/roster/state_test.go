package roster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// script runs lines such as "e 2 +a=1 -b" (a version), "load e 2 a=1", "ask", "shut", and
// returns what was moved and the verdicts.
func script(s *state, lines []string) string {
	var said []string
	for _, line := range lines {
		f := strings.Fields(line)
		var version uint64
		switch f[0] {
		case "ask":
			s.ask()
		case "shut":
			s.shut()
		case "load":
			_, _ = fmt.Sscan(f[2], &version)
			n := Snapshot{Epoch: strings.TrimPrefix(f[1], "none"), Version: version, Members: map[string][]byte{}}
			for _, m := range f[3:] {
				key, value, _ := strings.Cut(m, "=")
				n.Members[key] = []byte(value)
			}
			did, back := s.adopt(n)
			said = append(said, map[bool]string{true: "back"}[back]+fmt.Sprint(did))
		default:
			_, _ = fmt.Sscan(f[1], &version)
			var changes []Change
			for _, m := range f[2:] {
				key, value, put := strings.Cut(m[1:], "=")
				c := Change{Key: key}
				if put {
					c.Value = []byte(value)
				}
				changes = append(changes, c)
			}
			said = append(said, [...]string{"taken", "old", "early", "foreign"}[s.learn(f[0], version, changes)])
		}
		for {
			moved, ok := s.next()
			if !ok {
				break
			}
			for _, m := range moved {
				said = append(said, fmt.Sprintf("%d:%s:%s>%s", s.version, m.Key, m.Before, m.Value))
			}
		}
	}
	return strings.Join(said, " ")
}

func TestState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lines []string
		said  string
		ends  string // epoch, version and members
	}{
		{"versions in order", []string{"load none 0", "e 1 +a=1", "e 2 +b=2", "e 3 -a"}, "true taken 1:a:>1 taken 2:b:>2 taken 3:a:1>", "e 3 b=2"},
		{"a hole closes", []string{"load e 1 a=1", "e 3 -b", "e 4 +c=1", "e 2 +b=2"}, "true early early taken 2:b:>2 3:b:2> 4:c:>1", "e 4 a=1 c=1"},
		{"a version twice", []string{"load e 1 a=1", "e 2 +b=1", "e 2 +b=1", "e 1 +a=1"}, "true taken 2:b:>1 old old", "e 2 a=1 b=1"},
		{"before it is known", []string{"e 2 +b=1", "e 3 +c=1", "load e 2 a=1 b=1"}, "early early true 3:c:>1", "e 3 a=1 b=1 c=1"},
		{"another epoch is not taken", []string{"load e 1 a=1", "f 2 +b=1"}, "true foreign", "e 1 a=1"},
		{"and waits for the roster", []string{"load e 1 a=1", "f 2 +b=1", "load f 1 c=1"}, "true foreign true 2:b:>1", "f 2 b=1 c=1"},
		{"the first epoch begins by itself", []string{"load none 0", "f 1 +a=1"}, "true taken 1:a:>1", "f 1 a=1"},
		{"a second one does not, its versions begin anew", []string{"load e 1 a=1", "e 2 -a", "f 1 +b=1"}, "true taken 2:a:1> foreign", "e 2"},
		{"an older roster is not taken", []string{"load e 3 a=1", "load e 2 b=1"}, "true false", "e 3 a=1"},
		{"one that is older than when it was asked for is: the Store went back", []string{"load e 3 a=1", "ask", "load e 2 b=1", "e 3 +c=1"}, "true backtrue taken 3:c:>1", "e 3 b=1 c=1"},
		{"one with the same number that is another: the Store went back", []string{"load e 3 a=1", "ask", "load e 3 a=1", "load e 3 b=1"}, "true true backtrue", "e 3 b=1"},
		{"what became known since it was asked for stays", []string{"load e 3 a=1", "ask", "e 4 +b=1", "load e 3 a=1"}, "true taken 4:b:>1 false", "e 4 a=1 b=1"},
		{"a closed roster takes nothing of its epoch", []string{"load e 1 a=1", "shut", "e 2 +b=1"}, "true old", "e 1"},
		{"but opens under another", []string{"load e 1 a=1", "shut", "f 1 +b=1", "load f 1 b=1"}, "true foreign true", "f 1 b=1"},
		{"what the Store does not have is not waited for", []string{"load e 1 a=1", "e 999 +z=1", "ask", "load e 1 a=1", "e 2 +b=1"}, "true early true taken 2:b:>1", "e 2 a=1 b=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &state{}
			said := script(s, c.lines)
			if said != c.said {
				t.Errorf("said %q, want %q", said, c.said)
			}
			end := fmt.Sprint(s.epoch, " ", s.version)
			for _, k := range slices.Sorted(maps.Keys(s.members)) {
				end += fmt.Sprintf(" %s=%s", k, s.members[k])
			}
			if end != c.ends {
				t.Errorf("ends %q, want %q", end, c.ends)
			}
			if strings.Contains(c.name, "not waited for") && len(s.ahead) > 0 {
				t.Errorf("waits for %d versions", len(s.ahead))
			}
		})
	}
}

func TestStateBoundsWhatIsAhead(t *testing.T) {
	t.Parallel()
	s := &state{}
	s.adopt(Snapshot{Epoch: "e", Version: 1})
	for v := uint64(3); v < 10_000; v++ {
		if got := s.learn("e", v, []Change{{Key: "a"}}); got != early && got != foreign {
			t.Fatalf("version %d: %v", v, got)
		}
		if len(s.ahead) > maxAhead {
			t.Fatalf("%d versions wait", len(s.ahead))
		}
	}
}
