package outbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// TestAllFaultsAtOnce has Start name everything that is wrong.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := outbox.Start(t.Context(), outbox.Config{Batch: -1, BatchBytes: 1, MaxTries: -1, Backoff: -1, MaxBackoff: -2, Poll: 1, KeepDead: -2})
	if err == nil {
		t.Fatal("started")
	}
	for _, want := range []string{"db", "topics", "batch", "batchBytes", "maxTries", "backoff", "maxBackoff", "poll", "keepDead"} {
		if !strings.Contains(err.Error(), "config: "+want+": ") {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// TestMetrics looks at what is counted, and at names and help.
func TestMetrics(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	reg := prometheus.NewPedanticRegistry()
	topics := newFake()
	topics.answers(func(_ string, m topic.Message) error {
		if m.Event == "bad" {
			return &topic.InputError{Field: "event", Rule: "must not be bad"}
		}
		return nil
	})
	tx := begin(t, url)
	publish(t, tx, "room", "a")
	publish(t, tx, "room", "bad")
	publish(t, tx, "other", "b", outbox.ID("same"))
	publish(t, tx, "other", "c", outbox.ID("same"))
	commit(t, tx)
	f := start(t, db, topics, func(c *outbox.Config) { c.Registerer = reg })
	mustBe(t, db, 0, 1)
	const want = `
# HELP troupe_outbox_dead_total Rows that became dead letters.
# TYPE troupe_outbox_dead_total counter
troupe_outbox_dead_total 1
# HELP troupe_outbox_duplicates_total Rows that their topics had already: published before, and not known to be.
# TYPE troupe_outbox_duplicates_total counter
troupe_outbox_duplicates_total 1
# HELP troupe_outbox_failures_total Times that a topic did not take what it was given.
# TYPE troupe_outbox_failures_total counter
troupe_outbox_failures_total 1
# HELP troupe_outbox_leader 1 on the node that forwards the outbox. A sum of 0 for long: nobody does.
# TYPE troupe_outbox_leader gauge
troupe_outbox_leader 1
# HELP troupe_outbox_published_total Rows that their topics have taken.
# TYPE troupe_outbox_published_total counter
troupe_outbox_published_total 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_outbox_dead_total", "troupe_outbox_duplicates_total",
		"troupe_outbox_failures_total", "troupe_outbox_leader", "troupe_outbox_published_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	pgtest.Eventually(t, soon, "what waits is counted", func() error {
		if n := value(t, reg, "troupe_outbox_dead"); n != 1 {
			return fmt.Errorf("dead: %g", n)
		}
		return nil
	})
	stop(t, f)
	if n := value(t, reg, "troupe_outbox_dead") + value(t, reg, "troupe_outbox_leader"); n != 0 {
		t.Errorf("one that does not lead says %g", n)
	}
}

// TestLag has rows wait, and the leader tell for how long.
func TestLag(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	reg := prometheus.NewPedanticRegistry()
	topics := newFake()
	topics.answers(func(string, topic.Message) error { return errAway })
	start(t, db, topics, func(c *outbox.Config) { c.Registerer = reg })
	publish(t, connect(t, url), "room", "a")
	<-time.After(time.Second)
	publish(t, connect(t, url), "room", "b")
	pgtest.Eventually(t, soon, "the leader tells", func() error {
		if n, lag := value(t, reg, "troupe_outbox_pending"), value(t, reg, "troupe_outbox_lag_seconds"); n != 2 || lag < 1 || lag > 30 {
			return fmt.Errorf("pending %g, lag %g", n, lag)
		}
		return nil
	})
	topics.answers(nil)
	pgtest.Eventually(t, soon, "nothing waits", func() error {
		if n, lag := value(t, reg, "troupe_outbox_pending"), value(t, reg, "troupe_outbox_lag_seconds"); n != 0 || lag != 0 {
			return fmt.Errorf("pending %g, lag %g", n, lag)
		}
		return nil
	})
}

// value is that of a gauge.
func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}
