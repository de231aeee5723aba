package redisconn

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/troupe-rt/troupe/actors/breaker"
)

type metrics struct {
	ok, denied, failed, timeout, canceled, refused, overloaded prometheus.Counter

	size     prometheus.Histogram
	seconds  prometheus.Histogram
	queued   prometheus.Gauge
	connects prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	commands := auto.NewCounterVec(prometheus.CounterOpts{Name: "troupe_redis_commands_total",
		Help: "Commands, by outcome: ok, denied (an error reply), failed (no answer), timeout, canceled (by the caller), " +
			"refused (by the breaker), overloaded (too many waited)."}, []string{"outcome"})
	of := func(outcome string) prometheus.Counter { return commands.WithLabelValues(outcome) }
	return &metrics{
		ok: of("ok"), denied: of("denied"), failed: of("failed"), timeout: of("timeout"), canceled: of("canceled"),
		refused: of("refused"), overloaded: of("overloaded"),
		size: auto.NewHistogram(prometheus.HistogramOpts{Name: "troupe_redis_pipeline_size",
			Help: "Commands per pipeline.", Buckets: prometheus.ExponentialBuckets(1, 2, 11)}),
		seconds: auto.NewHistogram(prometheus.HistogramOpts{Name: "troupe_redis_pipeline_seconds",
			Help: "Time of a pipeline from sending to its last answer.", Buckets: prometheus.ExponentialBuckets(50e-6, 2, 17)}),
		queued: auto.NewGauge(prometheus.GaugeOpts{Name: "troupe_redis_queued",
			Help: "Commands that wait to be sent or for their answer."}),
		connects: auto.NewCounter(prometheus.CounterOpts{Name: "troupe_redis_connects_total",
			Help: "Connections opened to Redis. Many of them in a healthy system mean that something cuts them."}),
	}
}

func (m *metrics) pipeline(size int, took time.Duration) {
	m.size.Observe(float64(size))
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) count(err error) {
	m.outcome(err).Inc()
}

func (m *metrics) outcome(err error) prometheus.Counter {
	switch {
	case err == nil:
		return m.ok
	case Answered(err):
		if isNil(err) {
			return m.ok
		}
		return m.denied
	case errors.Is(err, breaker.ErrOpen):
		return m.refused
	case errors.Is(err, ErrOverloaded):
		return m.overloaded
	case errors.Is(err, context.Canceled):
		return m.canceled
	case Reason(err) == "timeout":
		return m.timeout
	}
	return m.failed
}
