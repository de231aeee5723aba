package jwtauth

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	ok, missing, invalid, unavailable prometheus.Counter

	fetchOK, fetchFailed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	with := promauto.With(reg)
	verified := with.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_jwtauth_verifications_total",
		Help: "Requests whose token was looked at, by result.",
	}, []string{"result"})
	fetches := with.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_jwtauth_key_fetches_total",
		Help: "Attempts to fetch the key set, by result.",
	}, []string{"result"})
	return &metrics{
		ok:          verified.WithLabelValues("ok"),
		missing:     verified.WithLabelValues("missing"),
		invalid:     verified.WithLabelValues("invalid"),
		unavailable: verified.WithLabelValues("unavailable"),
		fetchOK:     fetches.WithLabelValues("ok"),
		fetchFailed: fetches.WithLabelValues("failed"),
	}
}

func (m *metrics) verified(err error) {
	switch {
	case err == nil:
		m.ok.Inc()
	case errors.Is(err, ErrMissing):
		m.missing.Inc()
	case errors.Is(err, ErrInvalid):
		m.invalid.Inc()
	default:
		m.unavailable.Inc()
	}
}

func (m *metrics) fetched(ok bool) {
	if ok {
		m.fetchOK.Inc()
	} else {
		m.fetchFailed.Inc()
	}
}
