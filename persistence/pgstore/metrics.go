package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
)

// A call is what metrics and errors name a call.
type call uint8

const (
	callAppend call = iota
	callRead
	callClear
	callRenew
	callTake
	callChange
	callForget
)

var callNames = [...]string{"append", "read", "clear", "renew", "limits-take", "limits-change", "limits-clear"}

func (c call) String() string { return callNames[c] }

type outcome uint8

const (
	outcomeOK outcome = iota
	outcomeError
	outcomeTimeout
	outcomeCanceled
	outcomeOpen
)

var outcomeNames = [...]string{"ok", "error", "timeout", "canceled", "open"}

const backend = "postgres"

// callMetrics count calls, of the Store and of Limits.
type callMetrics struct {
	calls   [len(callNames)][len(outcomeNames)]prometheus.Counter
	seconds [len(callNames)]prometheus.Observer
}

type metrics struct {
	*callMetrics
	batch   prometheus.Observer
	corrupt prometheus.Counter

	group   prometheus.Histogram // entries a statement
	waiting prometheus.Gauge     // entries
	retries prometheus.Counter

	trimmed    prometheus.Counter
	trimErrors prometheus.Counter
	untrimmed  prometheus.Gauge // topics
}

func newCallMetrics(reg prometheus.Registerer) *callMetrics {
	calls := actors.SharedMetric(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_store_calls_total",
		Help: "Calls of a store, by outcome.",
	}, []string{"backend", "call", "outcome"}))
	seconds := actors.SharedMetric(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "troupe_store_call_seconds",
		Help:    "How long calls of a store took, refused ones left out.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2.5, 13), // to 3 s
	}, []string{"backend", "call"}))
	m := &callMetrics{}
	for c, name := range callNames {
		m.seconds[c] = seconds.WithLabelValues(backend, name)
		for o, outcome := range outcomeNames {
			m.calls[c][o] = calls.WithLabelValues(backend, name, outcome)
		}
	}
	return m
}

func newMetrics(reg prometheus.Registerer) *metrics {
	batch := actors.SharedMetric(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "troupe_store_batch_size",
		Help:    "Events per append.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11),
	}, []string{"backend"}))
	corrupt := actors.SharedMetric(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_store_corrupt_total",
		Help: "Stored chunks of events that a read could not understand and skipped.",
	}, []string{"backend"}))
	m := &metrics{callMetrics: newCallMetrics(reg), batch: batch.WithLabelValues(backend), corrupt: corrupt.WithLabelValues(backend)}
	m.own(promauto.With(reg))
	return m
}

// own are those that no other store has.
func (m *metrics) own(auto promauto.Factory) {
	m.group = auto.NewHistogram(prometheus.HistogramOpts{
		Name: "troupe_pgstore_group_size", Help: "Events per statement, of all topics that came beside each other.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 14)})
	m.waiting = auto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_pgstore_waiting", Help: "Events that wait for a statement under way to end."})
	m.retries = auto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_pgstore_retries_total", Help: "Statements that ran again, as others beside them were in the way."})
	m.trimmed = auto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_pgstore_trimmed_total", Help: "Events and ids that were removed because they did not count any more."})
	m.trimErrors = auto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_pgstore_trim_errors_total", Help: "Removals that failed. They are tried again."})
	m.untrimmed = auto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_pgstore_untrimmed", Help: "Topics that wait for events to be removed."})
}

func (m *callMetrics) called(c call, took time.Duration, err error) {
	o := outcomeOf(err)
	m.calls[c][o].Inc()
	if o != outcomeOpen {
		m.seconds[c].Observe(took.Seconds())
	}
}

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, breaker.ErrOpen):
		return outcomeOpen
	case errors.Is(err, context.DeadlineExceeded):
		return outcomeTimeout
	case errors.Is(err, context.Canceled):
		return outcomeCanceled
	}
	return outcomeError
}
