package redisconn_test

import (
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// all are the keys and channels of a topic.
func all(n redisconn.Names, topic string) []string {
	return []string{n.Head(topic), n.Log(topic), n.IDs(topic, 0), n.IDs(topic, 1), n.Channel(topic)}
}

// Different topics never share a key, keys of one topic share a slot, everything
// has the prefix, and a channel tells its topic.
func FuzzNames(f *testing.F) {
	topics := []string{"room:1", "a}b", "{a}", "%7D", "}", "%", "", "{nodes}:leases", "a}:log", "nodes", "\x00\xff", "ä{"}
	for _, a := range topics {
		for _, b := range topics {
			f.Add(a, b)
		}
	}
	n := redisconn.NamesFor("troupe:")
	f.Fuzz(func(t *testing.T, a, b string) {
		of := map[string]bool{n.Nodes(): true, n.NodeInfo(): true, n.Ping(a): true}
		for _, name := range all(n, a) {
			if of[name] {
				t.Errorf("%q has a name twice: %s", a, name)
			}
			of[name] = true
			if !strings.HasPrefix(name, n.Prefix()) {
				t.Errorf("%s is without the prefix", name)
			}
			_, rest, _ := strings.Cut(name, "{")
			tag, _, ok := strings.Cut(rest, "}")
			if _, first, _ := strings.Cut(n.Head(a), "{"); !ok || !strings.HasPrefix(first, tag+"}") {
				t.Errorf("%s may be in another slot than %s", name, n.Head(a))
			}
		}
		if a != b {
			for _, name := range all(n, b) {
				if of[name] {
					t.Errorf("%q and %q share %s", a, b, name)
				}
			}
		}
		if topic, ok := n.TopicOf(n.Channel(a)); !ok || topic != a {
			t.Errorf("the channel of %q tells %q, %v", a, topic, ok)
		}
		if topic, ok := n.TopicOf(b); ok && n.Channel(topic) != b {
			t.Errorf("%q is taken for the channel of %q", b, topic)
		}
	})
}

func TestSlotsAsRedisCountsThem(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--cluster-enabled", "yes")
	client := s.Client(t)
	n := redisconn.NamesFor(redisconn.DefaultPrefix)
	for _, topic := range []string{"a", "a}b", "{}", "}", "%", "{x}y"} {
		slots := map[int64]bool{}
		for _, name := range all(n, topic) {
			slot, err := client.ClusterKeySlot(t.Context(), name).Result()
			if err != nil {
				t.Fatal(err)
			}
			slots[slot] = true
		}
		if len(slots) != 1 {
			t.Errorf("%q is in %d slots", topic, len(slots))
		}
	}
}
