package redisstore

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	reg := prometheus.NewPedanticRegistry()
	conn := open(t, server.URL()).conn
	s := New(Config{Conn: conn, Node: "a", Registerer: reg})
	New(Config{Conn: conn, Node: "b", Registerer: reg}) // shares them
	put(t, s, "t", events(3)...)
	put(t, s, "t", events(1)...)
	get(t, s, "t")
	if err := server.Client(t).Set(t.Context(), s.names.Head("bad"), "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), "bad", 0, 1, plenty); err == nil {
		t.Fatal("no error")
	}
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(expired, "t", 0, 1, plenty); err == nil {
		t.Fatal("no error")
	}
	want := `
# HELP troupe_store_corrupt_total Stored chunks of events that a read could not understand and skipped.
# TYPE troupe_store_corrupt_total counter
troupe_store_corrupt_total{backend="redis"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_store_corrupt_total"); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		got  prometheus.Counter
		want float64
	}{
		"append ok":     {s.metrics.calls[callAppend][outcomeOK], 2},
		"read ok":       {s.metrics.calls[callRead][outcomeOK], 1},
		"read error":    {s.metrics.calls[callRead][outcomeError], 1},
		"read canceled": {s.metrics.calls[callRead][outcomeCanceled], 0}, // it never began
	} {
		if got := testutil.ToFloat64(c.got); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
