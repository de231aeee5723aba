package memstore

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// Eviction is by the order of use over all shards, exactly, where calls come one by one.
func TestEvictionOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 100).Draw(rt, "most")
		s := New(Config{MaxTopics: most})
		var want []string // by use, the newest last
		use := func(name string) {
			want = append(slices.DeleteFunc(want, func(n string) bool { return n == name }), name)
		}
		calls := rapid.SliceOfN(rapid.IntRange(0, 299), 400, 600).Draw(rt, "calls")
		for i, call := range calls {
			name := strconv.Itoa(call)
			if i%3 == 0 && slices.Contains(want, name) {
				get(t, s, name)
				use(name)
				continue
			}
			put(t, s, name, sized(1))
			use(name)
			want = want[max(0, len(want)-most):]
		}
		for i := range 300 {
			name := strconv.Itoa(i)
			if got := kept(t, s, name) != ""; got != slices.Contains(want, name) {
				rt.Errorf("topic %s is kept: %t", name, got)
			}
		}
	})
}

// A name may be a part of a whole frame, which must not stay for it.
func TestNameIsCopied(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	frame := strings.Repeat("x", 1000)
	put(t, s, frame[:5], sized(1))
	sh, _ := s.shard(frame[:5])
	if h := sh.topics[frame[:5]]; unsafe.StringData(h.name) == unsafe.StringData(frame) {
		t.Error("the name holds what it was cut from")
	}
	for name := range sh.topics {
		if unsafe.StringData(name) == unsafe.StringData(frame) {
			t.Error("the key holds what it was cut from")
		}
	}
}

// A map does not give memory back by itself.
func TestExpiredIdentifiersAreFreed(t *testing.T) {
	var s seen
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 100_000 {
		s.add(sighting{id: strconv.Itoa(i), at: time.Duration(i)})
	}
	full := heap() - before
	s.expire(99_900)
	if left := heap() - before; left > full/20 || len(s.index) != 100 {
		t.Errorf("100 identifiers hold %d bytes, 100,000 held %d", left, full)
	}
	runtime.KeepAlive(&s)
}
