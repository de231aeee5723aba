package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are shared by all connections. Shards add up what they do in plain
// numbers and hand it over once per round.
type metrics struct {
	connections   prometheus.Gauge
	blocked       prometheus.Gauge
	subscriptions prometheus.Gauge
	sessions      prometheus.Counter
	resumed       prometheus.Counter
	received      [kinds]prometheus.Counter
	receivedBytes prometheus.Counter
	sentBytes     prometheus.Counter
	deliveries    prometheus.Counter
	writes        prometheus.Counter
	slow          prometheus.Counter
	hookFaults    *prometheus.CounterVec
	dropped       *prometheus.CounterVec
	refused       *prometheus.CounterVec
	closed        *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "troupe_gateway_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "troupe_gateway_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "troupe_gateway_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		connections:   gauge("connections", "Open WebSocket connections."),
		blocked:       gauge("connections_blocked", "Connections that take less than they are sent right now."),
		subscriptions: gauge("subscriptions", "Topics followed, summed over connections."),
		sessions:      counter("sessions_total", "WebSocket connections accepted."),
		resumed:       counter("sessions_resumed_total", "Connections that took up an earlier session."),
		receivedBytes: counter("received_bytes_total", "Bytes of messages from clients."),
		sentBytes:     counter("sent_bytes_total", "Bytes given to sockets."),
		deliveries:    counter("deliveries_total", "Events handed to connections, once per receiver."),
		writes:        counter("writes_total", "Calls that wrote to a socket."),
		slow:          counter("slow_consumers_total", "Times that a connection began to take less than it was sent."),
		hookFaults:    vec("hook_faults_total", "Hooks that panicked, failed or were too slow.", "hook"),
		dropped:       vec("dropped_total", "Events that a receiver did not get.", "reason"),
		refused:       vec("refused_upgrades_total", "Upgrade requests refused, by HTTP status.", "status"),
		closed:        vec("closed_total", "Connections ended, by close code.", "code"),
	}
	frames := vec("received_frames_total", "Messages from clients, by type.", "type")
	for k := range m.received {
		m.received[k] = frames.WithLabelValues(kind(k).String())
	}
	return m
}

func (m *metrics) refuse(status int) { m.refused.WithLabelValues(strconv.Itoa(status)).Inc() }

// close counts an end. Codes that clients invent share a label.
func (m *metrics) close(code int) {
	label := "other"
	switch {
	case code >= 1000 && code <= 1014, code == CloseUnauthenticated, code == CloseForbidden, code == CloseTooMany:
		label = strconv.Itoa(code)
	}
	m.closed.WithLabelValues(label).Inc()
}

// tally is what a shard has done since it last told.
type tally struct{ deliveries, writes, bytes int }

func (m *metrics) add(t *tally) {
	if t.writes > 0 {
		m.writes.Add(float64(t.writes))
		m.sentBytes.Add(float64(t.bytes))
	}
	if t.deliveries > 0 {
		m.deliveries.Add(float64(t.deliveries))
	}
	*t = tally{}
}
