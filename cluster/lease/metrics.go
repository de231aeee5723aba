package lease

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	members                       map[State]prometheus.Gauge
	invalid                       prometheus.Gauge
	standings                     [Claimed + 1]prometheus.Counter
	failed, lost, deaths, emptied prometheus.Counter
	cleaned, unclean, outrun      prometheus.Counter
	dropped                       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "troupe_lease_" + name, Help: help})
	}
	members := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "troupe_lease_members", Help: "Nodes of the cluster as this one sees them, by state."}, []string{"state"})
	renewals := f.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_lease_renewals_total", Help: "Renewals of this node's lease, by outcome."}, []string{"outcome"})
	cleanups := f.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_lease_cleanups_total", Help: "Dead nodes that this node set out to clean up after, by outcome; outrun: another one had the claim."}, []string{"outcome"})
	m := &metrics{
		members: map[State]prometheus.Gauge{},
		invalid: f.NewGauge(prometheus.GaugeOpts{
			Name: "troupe_lease_invalid_entries", Help: "Entries of the registry that are malformed and ignored."}),
		standings: [...]prometheus.Counter{Held: renewals.WithLabelValues("held"),
			Absent: renewals.WithLabelValues("absent"), Claimed: renewals.WithLabelValues("claimed")},
		failed:  renewals.WithLabelValues("failed"),
		lost:    counter("lost_total", "Times that the others took this node for dead and it registered anew."),
		deaths:  counter("deaths_total", "Other nodes that this node saw die."),
		emptied: counter("emptied_total", "Times that the backend had lost what it knew."),
		cleaned: cleanups.WithLabelValues("done"), unclean: cleanups.WithLabelValues("failed"), outrun: cleanups.WithLabelValues("outrun"),
		dropped: counter("dropped_notices_total", "Notices dropped because a listener hangs."),
	}
	for _, s := range []State{Alive, Suspect, Dead} {
		m.members[s] = members.WithLabelValues(string(s))
	}
	return m
}

func (m *metrics) observe(v View, view []Lease) {
	m.standings[min(v.Standing, Claimed)].Inc()
	m.invalid.Set(float64(v.Invalid))
	counts := map[State]int{}
	for _, l := range view {
		counts[l.State]++
	}
	for s, g := range m.members {
		g.Set(float64(counts[s]))
	}
}
