package breaker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-rt/troupe/actors"
)

// metrics are one backend's.
type metrics struct {
	state       prometheus.Gauge
	rejected    prometheus.Counter
	transitions [Broken + 1]prometheus.Counter // by the state moved to
}

func newMetrics(reg prometheus.Registerer, backend string) *metrics {
	state := actors.SharedMetric(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "troupe_breaker_state", Help: "State of a backend's breaker: 0 healthy, 1 probing, 2 broken."}, []string{"backend"}))
	transitions := actors.SharedMetric(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_breaker_transitions_total", Help: "Transitions of a backend's breaker, by the state moved to."}, []string{"backend", "to"}))
	rejected := actors.SharedMetric(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_breaker_rejected_total", Help: "Calls refused because the backend is broken or being probed."}, []string{"backend"}))
	m := &metrics{state: state.WithLabelValues(backend), rejected: rejected.WithLabelValues(backend)}
	for s := range m.transitions {
		m.transitions[s] = transitions.WithLabelValues(backend, State(s).String())
	}
	return m
}
