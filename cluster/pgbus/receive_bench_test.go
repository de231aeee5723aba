package pgbus

import (
	"fmt"
	"testing"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// BenchmarkUnfollowed asks what frames of 200 bytes cost that nobody here follows, beside reading them.
func BenchmarkUnfollowed(b *testing.B) {
	frames := make([]pgdb.Frame, 1000)
	for i := range frames {
		frames[i] = pgdb.Frame{Topic: fmt.Sprint("room:", i), Body: make([]byte, 200)}
	}
	payloads := pgdb.Payloads(frames)
	bus := &Bus{entries: map[string]*entry{"another": {}}}
	bus.metrics = newMetrics(nil, bus)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range payloads {
			bus.received(pgdb.Notification{Payload: p})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(frames)), "ns/frame")
}
