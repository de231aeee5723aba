package group

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts by the pattern of the policy: patterns are few, groups are not.
type metrics struct {
	byMatch         map[string]*groupMetrics
	other           *groupMetrics
	dropped, panics prometheus.Counter
}

type groupMetrics struct {
	joins, leaves, publishes       prometheus.Counter
	full, closed, role, bad, other prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, policies []Policy) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_group_" + name, Help: help}, append([]string{"policy"}, labels...))
	}
	joins := counter("joins_total", "Members that joined a group on this node and were not in it here.")
	rejected := counter("rejected_total", "Joins that were refused.", "reason")
	leaves := counter("leaves_total", "Members whose last connection on this node left a group; not those of groups that were closed.")
	publishes := counter("publishes_total", "Events that the program published to groups.")
	of := func(match string) *groupMetrics {
		why := func(reason string) prometheus.Counter { return rejected.WithLabelValues(match, reason) }
		return &groupMetrics{
			joins: joins.WithLabelValues(match), leaves: leaves.WithLabelValues(match),
			publishes: publishes.WithLabelValues(match),
			full:      why("full"), closed: why("closed"), role: why("role"), bad: why("unavailable"), other: why("other"),
		}
	}
	m := &metrics{byMatch: make(map[string]*groupMetrics, len(policies))}
	m.dropped = f.NewCounter(prometheus.CounterOpts{
		Name: "troupe_group_hooks_dropped_total", Help: "Calls of hooks that were dropped because hooks are too slow."})
	m.panics = f.NewCounter(prometheus.CounterOpts{
		Name: "troupe_group_hook_panics_total", Help: "Hooks that panicked."})
	for _, p := range policies {
		if m.byMatch[p.Match] == nil {
			m.byMatch[p.Match] = of(p.Match)
		}
	}
	if m.other = m.byMatch["*"]; m.other == nil {
		m.other = of("*")
	}
	return m
}

// of returns the counters of a policy by its pattern.
func (m *metrics) of(match string) *groupMetrics {
	if g := m.byMatch[match]; g != nil {
		return g
	}
	return m.other
}

// refused counts a join that was.
func (g *groupMetrics) refused(err error) {
	switch {
	case errors.Is(err, ErrFull):
		g.full.Inc()
	case errors.Is(err, ErrClosed):
		g.closed.Inc()
	case errors.Is(err, ErrRole):
		g.role.Inc()
	case errors.Is(err, ErrUnavailable):
		g.bad.Inc()
	default:
		g.other.Inc()
	}
}
