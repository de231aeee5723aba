package ratelimit

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// limitMetrics are resolved once for each limit, so that counting is one atomic.
type limitMetrics struct {
	allowed, points, blocked prometheus.Counter
	bans, errors             prometheus.Counter
	refusedHere, leased      prometheus.Counter
	batch                    prometheus.Observer
}

func newMetrics(reg prometheus.Registerer) func(limit string) *limitMetrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_ratelimit_" + name, Help: help},
			append([]string{"limit"}, labels...))
	}
	allowed := counter("allowed_total", "Consumes that were allowed.")
	denied := counter("denied_total", "Consumes that were refused: for want of points, or because the key was blocked.", "reason")
	bans := counter("bans_total", "Bans by hand.")
	errors := counter("errors_total", "Consumes that failed, and so were not allowed.")
	here := counter("local_refusals_total", "Refused consumes that the node decided by itself.")
	leased := counter("local_allowed_total", "Allowed consumes of points that the node had leased.")
	batch := f.NewHistogramVec(prometheus.HistogramOpts{Name: "troupe_ratelimit_batch_size",
		Help: "Runs of consumes per call of the store.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}, []string{"limit"})
	return func(limit string) *limitMetrics {
		return &limitMetrics{
			allowed: allowed.WithLabelValues(limit),
			points:  denied.WithLabelValues(limit, "points"), blocked: denied.WithLabelValues(limit, "blocked"),
			bans: bans.WithLabelValues(limit), errors: errors.WithLabelValues(limit),
			refusedHere: here.WithLabelValues(limit), leased: leased.WithLabelValues(limit),
			batch: batch.WithLabelValues(limit),
		}
	}
}

// took counts what the Store answered.
func (m *limitMetrics) took(wants []Want, grants []Grant) {
	allowed, refused := 0, 0
	for i, g := range grants {
		allowed += g.Allowed
		if g.Blocked {
			m.blocked.Add(float64(wants[i].Count - g.Allowed))
		} else {
			refused += wants[i].Count - g.Allowed
		}
	}
	m.allowed.Add(float64(allowed))
	m.points.Add(float64(refused))
}

// decided counts what the node answered by itself.
func (m *limitMetrics) decided(r Result) {
	switch {
	case r.Allowed:
		m.allowed.Inc()
		m.leased.Inc()
		return
	case r.Blocked:
		m.blocked.Inc()
	default:
		m.points.Inc()
	}
	m.refusedHere.Inc()
}
