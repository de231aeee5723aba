package topic_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/topic"
)

// REP-30: publishes, replayed events and truncations are counted by policy.
func TestREP30Metrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		topics := start(t, topic.Config{Registerer: reg, Policies: []topic.Policy{{Match: "room:*", History: 3}, {}}})
		for range 5 {
			publish(t, topics, "room:1", "1")
		}
		publish(t, topics, "other", "1")
		subscribe(t, topics, "room:1", at("", 3)) // two events
		subscribe(t, topics, "room:1", at("", 1)) // three, and one is gone
		subscribe(t, topics, "other", nil)
		time.Sleep(time.Second)
		if _, err := topics.History(t.Context(), "room:2", topic.Position{Seq: 9}, 0); err != nil {
			t.Fatal(err)
		}
		want := `
# HELP troupe_topic_published_total Messages that topics were asked to publish.
# TYPE troupe_topic_published_total counter
troupe_topic_published_total{policy="*"} 1
troupe_topic_published_total{policy="room:*"} 5
# HELP troupe_topic_replayed_total Events of the past given to those who asked for them.
# TYPE troupe_topic_replayed_total counter
troupe_topic_replayed_total{policy="*"} 0
troupe_topic_replayed_total{policy="room:*"} 5
# HELP troupe_topic_truncations_total Questions about the past of which some was gone.
# TYPE troupe_topic_truncations_total counter
troupe_topic_truncations_total{policy="*"} 0
troupe_topic_truncations_total{policy="room:*"} 2
`
		err := testutil.GatherAndCompare(reg, strings.NewReader(want),
			"troupe_topic_published_total", "troupe_topic_replayed_total", "troupe_topic_truncations_total")
		if err != nil {
			t.Error(err)
		}
	})
}
