package redisconn_test

import (
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn"
)

// rosterNames are the keys of a roster and a life.
func rosterNames(n redisconn.Names, roster, life string) (ofRoster, ofLife []string) {
	for _, what := range []string{"head", "members", "lives", "closed", "notes"} {
		ofRoster = append(ofRoster, n.RosterKey(roster, what))
	}
	for _, what := range []string{"lives", "dead", "wrote"} {
		ofRoster = append(ofRoster, n.RosterLifeKey(roster, what, life))
	}
	return ofRoster, []string{n.LifeKey(life, "rosters"), n.LifeKey(life, "buried")}
}

// tag is what a Cluster makes the slot of.
func tag(key string) string {
	_, rest, _ := strings.Cut(key, "{")
	tag, _, _ := strings.Cut(rest, "}")
	return tag
}

// PRE-30: rosters and lives never share a key with each other or with topics, and what a script
// uses together is in one slot.
func FuzzRosterNames(f *testing.F) {
	for _, a := range []string{"room:1", "life:x", "a}b", "{a}", "%7D", "}", "nodes", "\x00\xff", "r:roster:lives", "x}:rosters"} {
		for _, b := range []string{"x", "y:z", "{", "}:head", "a/1", "%"} {
			f.Add(a, b)
		}
	}
	n := redisconn.NamesFor("troupe:")
	f.Fuzz(func(t *testing.T, name, life string) {
		if name == "" || life == "" {
			t.Skip("neither may be empty")
		}
		ofRoster, ofLife := rosterNames(n, name, life)
		_, another := rosterNames(n, life, name)
		seen := map[string]bool{}
		keys := append(append(ofRoster, ofLife...), all(n, name)...)
		if name != life {
			keys = append(keys, another...)
		}
		for _, key := range append(keys, all(n, "life:"+life)...) {
			if seen[key] && name != "life:"+life {
				t.Errorf("%q and %q share %s", name, life, key)
			}
			seen[key] = true
		}
		for _, key := range ofRoster {
			if tag(key) != tag(n.Channel(name)) {
				t.Errorf("%s is in another slot than %s", key, n.Channel(name))
			}
		}
		if tag(ofLife[0]) != tag(ofLife[1]) {
			t.Errorf("%s is in another slot than %s", ofLife[0], ofLife[1])
		}
		for _, key := range ofLife {
			for _, other := range ofRoster {
				if key == other {
					t.Errorf("roster %q and life %q share %s", name, life, key)
				}
			}
		}
	})
}
