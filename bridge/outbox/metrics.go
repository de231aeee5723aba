package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	leader, pending, dead, lag                          prometheus.Gauge
	published, duplicates, failures, died, lost, rounds prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	gauge := func(name, help string) prometheus.Gauge {
		return auto.NewGauge(prometheus.GaugeOpts{Name: "troupe_outbox_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "troupe_outbox_" + name, Help: help})
	}
	return &metrics{
		leader:     gauge("leader", "1 on the node that forwards the outbox. A sum of 0 for long: nobody does."),
		pending:    gauge("pending", "Committed rows that are not out yet, up to 100000. On the leader; 0 on others."),
		dead:       gauge("dead", "Dead letters, up to 100000. On the leader; 0 on others."),
		lag:        gauge("lag_seconds", "How long the oldest pending row has been committed. On the leader; 0 on others."),
		published:  counter("published_total", "Rows that their topics have taken."),
		duplicates: counter("duplicates_total", "Rows that their topics had already: published before, and not known to be."),
		failures:   counter("failures_total", "Times that a topic did not take what it was given."),
		died:       counter("dead_total", "Rows that became dead letters."),
		lost:       counter("lost_total", "Times that the leader lost its connection."),
		rounds:     counter("rounds_total", "Readings of the outbox that found something."),
	}
}

func (m *metrics) leads(leader bool) {
	if leader {
		m.leader.Set(1)
		return
	}
	m.leader.Set(0)
	m.shows(Backlog{})
}

func (m *metrics) shows(b Backlog) {
	m.pending.Set(float64(b.Pending))
	m.dead.Set(float64(b.Dead))
	m.lag.Set(b.Lag.Seconds())
}
