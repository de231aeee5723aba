package suite

import "github.com/troupe-rt/troupe/bench/check"

// Metrics that samples hold. Package report knows their units.
const (
	CPUPerDelivery    = "cpu_us_per_delivery"
	CPUPerConnection  = "cpu_us_per_connection"
	DeliveriesPerSec  = "deliveries_per_s"
	P50               = "p50_ms"
	P99               = "p99_ms"
	AllocsPerDelivery = "allocs_per_delivery"
	ClientPerDelivery = "client_us_per_delivery"
	RSSPerConnection  = "rss_kib_per_connection"
	HeapPerConnection = "heap_kib_per_connection"
	StackPerConn      = "stack_kib_per_connection"
	Seconds           = "seconds"
	PerSecond         = "connections_per_s"
	Others            = "others_share"
)

// A Sample is what one round of one target came to.
type Sample struct {
	Metrics map[string]float64
	Faults  check.Faults
}

// Disturbed reports whether other processes took so much of the machine that
// the figures are doubtful.
func (s Sample) Disturbed() bool { return s.Metrics[Others] > disturbedAt }

const disturbedAt = 0.08
