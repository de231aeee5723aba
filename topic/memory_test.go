package topic_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// What does an idle topic cost, and does memory come back? Millions of topics
// are run by bench/; this many show a leak as well.
func TestIdleMemory(t *testing.T) {
	n := 20_000
	if os.Getenv("TROUPE_TEST_TOPICS") != "" {
		if _, err := fmt.Sscan(os.Getenv("TROUPE_TEST_TOPICS"), &n); err != nil {
			t.Fatal(err)
		}
	}
	topics := start(t, topic.Config{Policies: []topic.Policy{{Match: "*", History: -1, Idle: 2 * time.Second}}})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range n {
		publish(t, topics, fmt.Sprintf("room:%d", i), "1")
	}
	if topics.Len() == n {
		each := (heap() - before) / int64(n)
		t.Logf("spawned; %d bytes for each of %d idle topics", each, n)
		if each > 1536 {
			t.Errorf("an idle topic takes %d bytes", each)
		}
	}
	began := time.Now()
	eventually(t, func() bool { return topics.Len() == 0 })
	left := heap() - before
	t.Logf("retired within %s, %d KiB are left", time.Since(began).Round(time.Millisecond), left>>10)
	// Maps keep their size: protoactor's registry alone keeps 10 MB.
	if left > 12<<20+64*int64(n) {
		t.Errorf("%d bytes are left", left)
	}
}
