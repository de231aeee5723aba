package memstore

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	evictions prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Store) *metrics {
	with := promauto.With(reg)
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "troupe_memstore_topics",
		Help: "Topics that have a history in memory.",
	}, func() float64 { return float64(s.topics.Load()) })
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "troupe_memstore_bytes",
		Help: "Memory of all histories, estimated.",
	}, func() float64 { return float64(s.bytes.Load()) })
	return &metrics{
		evictions: with.NewCounter(prometheus.CounterOpts{
			Name: "troupe_memstore_evictions_total",
			Help: "Topics whose history was dropped to make room.",
		}),
	}
}
