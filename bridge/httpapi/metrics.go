package httpapi

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts by the name of the call: paths hold names of topics, which are many.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "troupe_httpapi_calls_total",
			Help: "Calls of the HTTP API by what was asked for and the status that answered; call none is no call of the API.",
		}, []string{"call", "status"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "troupe_httpapi_call_seconds",
			Help:    "How long calls of the HTTP API took.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"call"}),
	}
}

func (m *metrics) done(call string, status int, took time.Duration) {
	m.calls.WithLabelValues(call, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(call).Observe(took.Seconds())
}
