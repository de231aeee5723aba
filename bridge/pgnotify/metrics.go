package pgnotify

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	received, published, skipped, reconnects, gaps *prometheus.CounterVec
	dropped                                        *prometheus.CounterVec
	listening, leading, queued                     *prometheus.GaugeVec
	large, invalid                                 prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	channel := []string{"channel"}
	counter := func(name, help string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_notify_" + name, Help: help}, channel)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: "troupe_notify_" + name, Help: help}, channel)
	}
	return &metrics{
		received:   counter("received_total", "Notifications of Postgres that arrived."),
		published:  counter("published_total", "Notifications that a topic took."),
		skipped:    counter("skipped_total", "Notifications that the channel's parser did not want."),
		reconnects: counter("reconnects_total", "Times that a channel was listened to again after its connection was lost."),
		gaps:       counter("gaps_total", "Times that receivers were told that notifications may have been missed."),
		dropped: f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_notify_dropped_total",
			Help: "Notifications that were not published, by reason."}, []string{"channel", "reason"}),
		listening: gauge("listening", "1 while this node takes the channel's notifications, else 0."),
		leading:   gauge("leading", "1 while this node takes the channel's notifications for all nodes, else 0."),
		queued:    gauge("queued", "Notifications that wait for their topics."),
		large: f.NewCounter(prometheus.CounterOpts{Name: "troupe_notify_large_total",
			Help: "Notifications of more than 7500 bytes; Postgres refuses those of 8000."}),
		invalid: f.NewCounter(prometheus.CounterOpts{Name: "troupe_notify_invalid_announcements_total",
			Help: "Announcements between nodes that could not be understood."}),
	}
}

// lineMetrics are a channel's, resolved once.
type lineMetrics struct {
	received, published, skipped count
	reconnects, gaps             prometheus.Counter
	dropped                      map[string]prometheus.Counter
	listening, leading, queued   prometheus.Gauge
}

// A count is a counter that can be read.
type count struct {
	prometheus.Counter
	n *atomic.Uint64
}

func counted(c prometheus.Counter) count { return count{c, new(atomic.Uint64)} }

// Inc adds one.
func (c count) Inc() {
	c.Counter.Inc()
	c.n.Add(1)
}

func (m *metrics) of(channel string) *lineMetrics {
	l := &lineMetrics{
		received: counted(m.received.WithLabelValues(channel)), published: counted(m.published.WithLabelValues(channel)),
		skipped:    counted(m.skipped.WithLabelValues(channel)),
		reconnects: m.reconnects.WithLabelValues(channel), gaps: m.gaps.WithLabelValues(channel),
		dropped:   make(map[string]prometheus.Counter, len(reasons)),
		listening: m.listening.WithLabelValues(channel), leading: m.leading.WithLabelValues(channel),
		queued: m.queued.WithLabelValues(channel),
	}
	for _, r := range reasons {
		l.dropped[r] = m.dropped.WithLabelValues(channel, r)
	}
	return l
}

func (m *lineMetrics) figures() (received, published, skipped uint64) {
	return m.received.n.Load(), m.published.n.Load(), m.skipped.n.Load()
}

// flag sets a gauge that says yes or no.
func flag(g prometheus.Gauge, on bool) {
	if on {
		g.Set(1)
	} else {
		g.Set(0)
	}
}
