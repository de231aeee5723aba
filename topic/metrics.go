package topic

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts by policy: the patterns of a configuration are few, the names
// of topics are not.
type metrics struct {
	byPolicy map[string]*policyMetrics
	other    *policyMetrics
	invalid  prometheus.Counter
	echoes   prometheus.Counter
}

// policyMetrics are resolved once, so that counting is one atomic.
type policyMetrics struct {
	published, duplicates, refused, failed prometheus.Counter
	holes, repaired, announced             prometheus.Counter
	unrelayed, renewals                    prometheus.Counter
	replayed, truncated                    prometheus.Counter
	batchSize                              prometheus.Observer
}

func newMetrics(reg prometheus.Registerer, policies Policies) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_topic_" + name, Help: help}, []string{"policy"})
	}
	published := counter("published_total", "Messages that topics were asked to publish.")
	duplicates := counter("duplicates_total", "Publishes with an id that the topic had seen.")
	refused := counter("refused_total", "Messages refused because a topic's mailbox or batch was full.")
	failed := counter("backend_errors_total", "Calls of the log that failed.")
	holes := counter("holes_total", "Times that an event arrived before its predecessor.")
	repaired := counter("repaired_total", "Events that the log brought to live receivers because no frame had.")
	renewals := counter("renewals_total", "Times that the log had gone back and was given a new epoch.")
	replayed := counter("replayed_total", "Events of the past given to those who asked for them.")
	truncated := counter("truncations_total", "Questions about the past of which some was gone.")
	announced := counter("losses_announced_total", "Announcements to live receivers that events were missed.")
	unrelayed := counter("unrelayed_total", "Events that the relay did not take.")
	batch := f.NewHistogramVec(prometheus.HistogramOpts{
		Name: "troupe_topic_append_batch_size", Help: "Messages per call of the log.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512},
	}, []string{"policy"})

	m := &metrics{byPolicy: make(map[string]*policyMetrics, len(policies))}
	m.invalid = f.NewCounter(prometheus.CounterOpts{
		Name: "troupe_topic_invalid_frames_total", Help: "Relay frames that were malformed, or told of events that nobody numbered."})
	m.echoes = f.NewCounter(prometheus.CounterOpts{
		Name: "troupe_topic_echoes_total", Help: "Frames of this node that came back to it."})
	of := func(policy string) *policyMetrics {
		return &policyMetrics{
			published: published.WithLabelValues(policy), duplicates: duplicates.WithLabelValues(policy),
			refused: refused.WithLabelValues(policy), failed: failed.WithLabelValues(policy),
			holes: holes.WithLabelValues(policy), repaired: repaired.WithLabelValues(policy),
			announced: announced.WithLabelValues(policy), unrelayed: unrelayed.WithLabelValues(policy),
			renewals: renewals.WithLabelValues(policy), replayed: replayed.WithLabelValues(policy),
			truncated: truncated.WithLabelValues(policy), batchSize: batch.WithLabelValues(policy),
		}
	}
	for _, p := range policies {
		m.byPolicy[p.Match] = of(p.Match)
	}
	if m.other = m.byPolicy["*"]; m.other == nil {
		m.other = of("*")
	}
	return m
}

// past counts what somebody was told about the past.
func (p *policyMetrics) past(events int, truncated bool) {
	p.replayed.Add(float64(events))
	if truncated {
		p.truncated.Inc()
	}
}

// of returns the counters of a policy by its pattern.
func (m *metrics) of(match string) *policyMetrics {
	if p := m.byPolicy[match]; p != nil {
		return p
	}
	return m.other
}
