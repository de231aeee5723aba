package actors

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons of dead letters.
const (
	reasonPanicked    = "panicked"
	reasonFailed      = "failed"
	reasonClosed      = "closed"
	reasonPassivated  = "passivated"
	reasonUnaddressed = "unaddressed"
)

type metrics struct {
	alive       *prometheus.GaugeVec
	spawned     *prometheus.CounterVec
	passivated  *prometheus.CounterVec
	panics      *prometheus.CounterVec
	restarts    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	unaddressed prometheus.Counter // protoactor's own dead letters; there should be none
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		alive: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "troupe_actors_alive", Help: "Actors that are spawned and not yet stopped."}, []string{"kind"}),
		spawned:     counter("troupe_actors_spawned_total", "Actors spawned.", "kind"),
		passivated:  counter("troupe_actors_passivated_total", "Actors retired because they were idle.", "kind"),
		panics:      counter("troupe_actors_panics_total", "Panics of actors and of the work they started.", "kind"),
		restarts:    counter("troupe_actors_restarts_total", "Restarts of actors after a panic.", "kind"),
		refused:     counter("troupe_actors_refused_total", "Messages refused because a mailbox was full.", "kind"),
		deadLetters: counter("troupe_actors_dead_letters_total", "Messages taken but not handled to their end, by reason.", "kind", "reason"),
	}
	m.unaddressed = m.deadLetters.WithLabelValues("none", reasonUnaddressed)
	return m
}

// kindMetrics are the children of one kind, resolved once.
type kindMetrics struct {
	alive                                          prometheus.Gauge
	spawned, passivated, panics, restarts, refused prometheus.Counter
	deadPanicked, deadFailed, deadClosed, deadIdle prometheus.Counter
}

func (m *metrics) of(kind string) kindMetrics {
	return kindMetrics{
		alive:        m.alive.WithLabelValues(kind),
		spawned:      m.spawned.WithLabelValues(kind),
		passivated:   m.passivated.WithLabelValues(kind),
		panics:       m.panics.WithLabelValues(kind),
		restarts:     m.restarts.WithLabelValues(kind),
		refused:      m.refused.WithLabelValues(kind),
		deadPanicked: m.deadLetters.WithLabelValues(kind, reasonPanicked),
		deadFailed:   m.deadLetters.WithLabelValues(kind, reasonFailed),
		deadClosed:   m.deadLetters.WithLabelValues(kind, reasonClosed),
		deadIdle:     m.deadLetters.WithLabelValues(kind, reasonPassivated),
	}
}

// dead is the counter of what was queued when an actor stopped for reason.
func (m *kindMetrics) dead(reason error) prometheus.Counter {
	switch reason {
	case ErrFailed:
		return m.deadFailed
	case ErrPassivated:
		return m.deadIdle
	default:
		return m.deadClosed
	}
}

// SharedMetric registers c, or returns what was registered before it under the same
// name: metrics with a label for the backend belong to several breakers and stores
// of a node. It panics if that is another metric. A nil reg registers nothing.
func SharedMetric[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	if before, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if have, ok := before.ExistingCollector.(C); ok {
			return have
		}
	}
	if err != nil {
		panic(err) // two different metrics of one name
	}
	return c
}
