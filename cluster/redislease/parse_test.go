package redislease

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// FuzzParse reads members as anyone may have written them: what is reported is valid and
// reads the same again.
func FuzzParse(f *testing.F) {
	f.Add("1 a", "")
	f.Add("abc node 1", `{"address":"10.0.0.1:80","version":"v1","started":"2026-01-02T03:04:05Z"}`)
	f.Add("abc  ", `{"id":"other","incarnation":"x"}`)
	f.Add(" a", "{")
	f.Add("1 \xff", "[]")
	f.Add("1 a", `{"address":"`+strings.Repeat("a", 600)+`"}`)
	f.Fuzz(func(t *testing.T, key, info string) {
		m, named, fine := decodeMember(key, info)
		if !named {
			if fine || m.ID != "" && lease.Named(m.ID, m.Incarnation) {
				t.Fatalf("%q refused as %+v", key, m)
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		if encodeKey(m) != key {
			t.Fatalf("%q read as %+v", key, m)
		}
		again, err := encodeInfo(m)
		if err != nil {
			t.Fatal(err)
		}
		if m2, _, fine := decodeMember(key, again); !fine || m2 != m && !m2.Started.Equal(m.Started) {
			t.Fatalf("%+v written as %s and read as %+v", m, again, m2)
		}
	})
}

func TestParseViewRefuses(t *testing.T) {
	t.Parallel()
	ok := func() []any { return []any{int64(0), int64(1000), "life", int64(0), []any{"1 a", "2000", ""}, []any{}} }
	if v, err := parseView(ok()); err != nil || len(v.Members) != 1 || !v.Now.Equal(time.UnixMilli(1000)) {
		t.Fatalf("%+v, %v", v, err)
	}
	for i, bad := range []any{int64(3), "x", nil, "0", []any{"1 a", "2000"}, []any{"1 a", int64(1), "", ""}} {
		reply := ok()
		reply[i] = bad
		if _, err := parseView(reply); err == nil {
			t.Errorf("part %d as %v was taken", i, bad)
		}
	}
	for _, bad := range []any{nil, "x", int64(1), []any{}} {
		if _, err := parseView(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// TestLifeKeys asks Redis for the slots.
func TestLifeKeys(t *testing.T) {
	t.Parallel()
	client := redistest.StartCluster(t, 3).Client(t)
	keys := lifeKeys("troupe:")
	if len(keys) != 64 {
		t.Fatalf("%d keys", len(keys))
	}
	for i, key := range keys {
		slot, err := client.ClusterKeySlot(t.Context(), key).Result()
		if err != nil || int(slot)/slotsPerLife != i {
			t.Errorf("%s is in slot %d, %v; want it among the 256 from %d", key, slot, err, i*slotsPerLife)
		}
	}
}
