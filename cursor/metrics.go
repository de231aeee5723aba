package cursor

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts by policy: the patterns of a configuration are few, the names of topics
// are not.
type metrics struct {
	byPolicy map[*Policy]*policyMetrics
	invalid  prometheus.Counter
}

// policyMetrics are resolved once, so that counting is one atomic.
type policyMetrics struct {
	updates, throttled, broadcasts   prometheus.Counter
	left, expired, died, missing     prometheus.Counter // why cursors were removed
	full, overloaded, foreign        prometheus.Counter // why moves were dropped
	unrelayed, unsaved, loads, holes prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, ps policies, b *Boards) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_cursor_" + name, Help: help}, append([]string{"policy"}, labels...))
	}
	updates := counter("updates_total", "Moves that were taken in.")
	throttled := counter("throttled_total", "Moves that were overtaken by another one before anybody saw them.")
	broadcasts := counter("broadcasts_total", "Frames with moves, update and bulk, that boards had for receivers.")
	removed := counter("removed_total", "Cursors that vanished.", "reason")
	dropped := counter("dropped_total", "Moves, of this node or another, that were not taken in.", "reason")
	failures := counter("backend_errors_total", "Calls of the relay and the store that failed.", "call")
	loads := counter("loads_total", "Times that a board was read from the store.")
	holes := counter("holes_total", "Times that a frame of another node was missing.")
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "troupe_cursor_boards", Help: "Boards that have an actor."},
		func() float64 { return float64(b.Len()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "troupe_cursor_cursors", Help: "Cursors on the boards of this node, those of other nodes included."},
		func() float64 { return float64(b.cursors.Load()) })

	m := &metrics{byPolicy: make(map[*Policy]*policyMetrics, len(ps))}
	m.invalid = f.NewCounter(prometheus.CounterOpts{
		Name: "troupe_cursor_invalid_frames_total", Help: "Relay frames that were malformed."})
	of := func(p string) *policyMetrics {
		return &policyMetrics{
			updates: updates.WithLabelValues(p), throttled: throttled.WithLabelValues(p), broadcasts: broadcasts.WithLabelValues(p),
			left: removed.WithLabelValues(p, "left"), expired: removed.WithLabelValues(p, "expired"),
			died: removed.WithLabelValues(p, "dead"), missing: removed.WithLabelValues(p, "missing"),
			full: dropped.WithLabelValues(p, "full"), overloaded: dropped.WithLabelValues(p, "overloaded"),
			foreign:   dropped.WithLabelValues(p, "full_remote"),
			unrelayed: failures.WithLabelValues(p, "relay"), unsaved: failures.WithLabelValues(p, "store"),
			loads: loads.WithLabelValues(p), holes: holes.WithLabelValues(p),
		}
	}
	for i := range ps {
		m.byPolicy[&ps[i]] = of(ps[i].Match)
	}
	return m
}

// of returns the counters of a policy that find returned, and that is not Off.
func (m *metrics) of(p *Policy) *policyMetrics { return m.byPolicy[p] }
