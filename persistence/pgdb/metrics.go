package pgdb

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/troupe-rt/troupe/actors/breaker"
)

type metrics struct {
	auto                                           promauto.Factory
	ok, denied, failed, timeout, canceled, refused prometheus.Counter
	seconds                                        prometheus.Histogram
	retries                                        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	calls := auto.NewCounterVec(prometheus.CounterOpts{Name: "troupe_postgres_calls_total",
		Help: "Calls, by outcome: ok, denied (an error of the server), failed (no answer), timeout, canceled (by the caller), " +
			"refused (by the breaker)."}, []string{"outcome"})
	of := func(outcome string) prometheus.Counter { return calls.WithLabelValues(outcome) }
	return &metrics{
		auto: auto,
		ok:   of("ok"), denied: of("denied"), failed: of("failed"), timeout: of("timeout"), canceled: of("canceled"), refused: of("refused"),
		seconds: auto.NewHistogram(prometheus.HistogramOpts{Name: "troupe_postgres_call_seconds",
			Help: "Time of a call, with the wait for a connection.", Buckets: prometheus.ExponentialBuckets(100e-6, 2, 16)}),
		retries: auto.NewCounter(prometheus.CounterOpts{Name: "troupe_postgres_retries_total",
			Help: "Transactions that ran again, as others beside them were in the way."}),
	}
}

func (m *metrics) watch(pool *pgxpool.Pool) {
	m.auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "troupe_postgres_connections",
		Help: "Connections of the pool."}, func() float64 { return float64(pool.Stat().TotalConns()) })
	m.auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "troupe_postgres_connections_busy",
		Help: "Connections of the pool that are in use. All of them for long: calls wait for one."},
		func() float64 { return float64(pool.Stat().AcquiredConns()) })
}

func (m *metrics) called(took time.Duration, err error) {
	m.seconds.Observe(took.Seconds())
	m.outcome(err).Inc()
}

func (m *metrics) outcome(err error) prometheus.Counter {
	switch {
	case err == nil:
		return m.ok
	case errors.Is(err, breaker.ErrOpen):
		return m.refused
	case errors.Is(err, context.Canceled):
		return m.canceled
	case Answered(err):
		return m.denied
	case Reason(err) == "timeout":
		return m.timeout
	}
	return m.failed
}
