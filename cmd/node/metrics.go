package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// exposition is what /metrics shows: the node's own metrics and those of the
// process.
type exposition struct {
	node    prometheus.Registerer // where the packages of the node register theirs
	own     prometheus.Gatherer   // what they registered
	process *prometheus.Registry
}

func newExposition() *exposition {
	own := prometheus.NewRegistry()
	e := &exposition{node: own, own: own, process: prometheus.NewRegistry()}
	e.process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "troupe_build_info",
		Help: "1; the label says which version runs.",
	}, []string{"version"})
	build.WithLabelValues(version()).Set(1)
	own.MustRegister(build)
	return e
}

// handler answers with everything.
func (e *exposition) handler() http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{e.own, e.process}, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
}

// totals adds up counters and gauges of the node over their labels.
func (e *exposition) totals(names ...string) map[string]float64 {
	sums := make(map[string]float64, len(names))
	families, err := e.own.Gather()
	if err != nil {
		return sums // /metrics tells the error to whoever looks there
	}
	for _, name := range names {
		for _, f := range families {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.GetMetric() {
				sums[name] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sums
}
