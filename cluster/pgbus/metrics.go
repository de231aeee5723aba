package pgbus

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	sent, sentBytes         prometheus.Counter
	sendErrors              prometheus.Counter
	notifications           prometheus.Counter
	batchSeconds            prometheus.Histogram
	received, receivedBytes prometheus.Counter
	unfollowed              prometheus.Counter
	malformed               prometheus.Counter
	interruptions, restored prometheus.Counter
	refused                 prometheus.Counter
}

// newMetrics has the names of redisbus where they mean the same; a node has one of both.
func newMetrics(reg prometheus.Registerer, b *Bus) *metrics {
	with := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return with.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	invalid := with.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_relay_invalid_total",
		Help: "Messages that were not handed on, by reason.",
	}, []string{"reason"})
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "troupe_relay_followed",
		Help: "Topics that are followed, also while their connection is down.",
	}, func() float64 { return float64(b.following()) })
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "troupe_relay_connected",
		Help: "1 while every subscription connection in use stands, else 0.",
	}, func() float64 {
		if b.Connected() {
			return 1
		}
		return 0
	})
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "troupe_relay_waiting_bytes",
		Help: "Bytes of frames that wait to be sent.",
	}, func() float64 { return float64(b.out.waiting()) })
	return &metrics{
		sent:          counter("troupe_relay_sent_total", "Frames that the backend took."),
		sentBytes:     counter("troupe_relay_sent_bytes_total", "Bytes of frames that the backend took."),
		sendErrors:    counter("troupe_relay_send_errors_total", "Frames that were not sent, or of which that is not known."),
		notifications: counter("troupe_relay_notifications_total", "Notifications of at most 8,000 bytes, in which frames were sent."),
		received:      counter("troupe_relay_received_total", "Frames of followed topics that arrived, those of the own node too."),
		receivedBytes: counter("troupe_relay_received_bytes_total", "Bytes of frames that arrived."),
		unfollowed:    counter("troupe_relay_unfollowed_total", "Frames that arrived and that nobody here follows."),
		malformed:     invalid.WithLabelValues("malformed"),
		interruptions: counter("troupe_relay_interruptions_total", "Subscription connections that were lost."),
		restored:      counter("troupe_relay_restored_total", "Topics that were told that frames may have been lost."),
		refused:       counter("troupe_relay_refused_total", "Subscriptions that the backend refused."),
		batchSeconds: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "troupe_relay_send_seconds",
			Help:    "Time of a transaction that sends frames.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}),
	}
}
