package roster

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of one kind of rosters.
type metrics struct {
	joins, leaves, updates prometheus.Counter
	refused                prometheus.Counter
	resyncs, failures      prometheus.Counter
	buried, stale          prometheus.Counter
	members, receivers     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, kind string) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "troupe", Subsystem: kind, Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Namespace: "troupe", Subsystem: kind, Name: name, Help: help})
	}
	return &metrics{
		joins:     counter("members_joined_total", "Members who appeared for the whole cluster by a session of this node."),
		leaves:    counter("members_left_total", "Members who went for the whole cluster by a session of this node."),
		updates:   counter("members_updated_total", "Members whose data changed by a session of this node."),
		refused:   counter("members_refused_total", "Members refused because the list was full."),
		resyncs:   counter("resyncs_total", "Lists read anew because changes were missed."),
		failures:  counter("store_failures_total", "Calls of the store or the relay that failed."),
		buried:    counter("nodes_buried_total", "Dead nodes whose members this node began to remove."),
		stale:     counter("stale_total", "Announcements that something said may have been missed."),
		members:   gauge("sessions", "Sessions of this node that are members."),
		receivers: gauge("receivers", "Receivers of this node."),
	}
}
