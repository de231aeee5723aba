package cluster

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct{ draining prometheus.Gauge }

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{draining: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "troupe_node_draining",
		Help: "1 while the node stops gently, otherwise 0.",
	})}
}

// exclusively runs build, in which every package registers its metrics, and
// makes an error of the panic that a Registerer in use by another node causes.
func exclusively(build func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if !errors.As(p, &prometheus.AlreadyRegisteredError{}) {
				panic(p)
			}
			err = &ConfigError{"registerer", "serves another node already; each needs its own"}
		default:
			panic(p)
		}
	}()
	return build()
}
