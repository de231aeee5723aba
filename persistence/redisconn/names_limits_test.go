package redisconn_test

import (
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// Different limits and keys never share a name, no topic has one of these names, and a limit's pattern
// finds its keys and no others.
func FuzzLimitNames(f *testing.F) {
	for _, key := range []string{"address:1.2.3.4", "", "}", "{a}", "\x00", "a/00}:limit:b", "*", "head"} {
		f.Add("chat", key, "chat:more", key)
		f.Add("a", key, "a/00", "b")
		f.Add("x", key, "x", key+"}")
		f.Add("[a]*?\\", key, "b", key)
	}
	f.Fuzz(func(t *testing.T, limit, key, otherLimit, otherKey string) {
		n := redisconn.NamesFor(`t*[x]\:`)
		name := n.Limit(limit, key)
		if !strings.HasPrefix(name, n.Prefix()) {
			t.Errorf("%q is without the prefix", name)
		}
		if (limit != otherLimit || key != otherKey) && name == n.Limit(otherLimit, otherKey) {
			t.Errorf("(%q, %q) and (%q, %q) share %q", limit, key, otherLimit, otherKey, name)
		}
		for _, topic := range []string{limit, otherLimit, limit + "/00", key} {
			for _, taken := range all(n, topic) {
				if taken == name {
					t.Errorf("%q is a name of topic %q", name, topic)
				}
			}
		}
		if strings.Contains(limit+key, "/") {
			return // path.Match, unlike Redis, stops at slashes
		}
		slash := func(s string) string { return strings.ReplaceAll(s, "/", "!") }
		if ok, err := path.Match(slash(n.LimitPattern(limit)), slash(name)); err != nil || !ok {
			t.Errorf("%q does not find %q: %v", n.LimitPattern(limit), name, err)
		}
		if ok, _ := path.Match(slash(n.LimitPattern(otherLimit)), slash(name)); ok && otherLimit != limit && !strings.Contains(otherLimit, "/") {
			t.Errorf("%q finds %q", n.LimitPattern(otherLimit), name)
		}
	})
}

// Keys of one place are in one slot, and places are not all in one.
func TestLimitPlaces(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t, "--cluster-enabled", "yes").Client(t)
	n := redisconn.NamesFor("troupe:")
	slots := map[int]int64{}
	seen := map[int64]bool{}
	for i := range 300 {
		key := "address:10.0.0." + strconv.Itoa(i)
		slot, err := client.ClusterKeySlot(t.Context(), n.Limit("chat", key)).Result()
		if err != nil {
			t.Fatal(err)
		}
		place := redisconn.LimitPlace(key)
		if known, ok := slots[place]; ok && known != slot {
			t.Fatalf("place %d is in slots %d and %d", place, known, slot)
		}
		slots[place], seen[slot] = slot, true
	}
	if len(seen) < redisconn.LimitPlaces/2 {
		t.Errorf("%d slots", len(seen))
	}
}
