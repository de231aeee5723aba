//go:build linux

package suite

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/report"
)

// warmup is the share of the measured time that runs before it.
const warmup = 4

// flatOut keeps Window publishes in flight and measures what deliveries cost
// and how many there are.
func flatOut(ctx context.Context, x *session) (Sample, error) {
	if err := x.connectAll(ctx); err != nil {
		return Sample{}, err
	}
	x.field.sample = 15 // one in sixteen: the client must stay cheap
	if x.scenario.Window == 1 {
		x.field.sample = 0
	}
	pump := func() {
		for x.writers.outstanding() < x.scenario.Window {
			x.writers.next(x.loop.Now())
		}
	}
	return x.measure(ctx, pump)
}

// paced publishes at a fixed rate, whatever the server does. Latency counts
// from when an event was due, so that a server that stalls pays for all events
// that it held up.
func paced(ctx context.Context, x *session) (Sample, error) {
	if err := x.connectAll(ctx); err != nil {
		return Sample{}, err
	}
	var start time.Duration
	gap := time.Second / time.Duration(x.scenario.Rate)
	pump := func() {
		if start == 0 {
			start = x.loop.Now()
		}
		for {
			due := start + time.Duration(x.writers.published)*gap
			if due > x.loop.Now() || x.writers.outstanding() > x.scenario.Rate {
				return
			}
			x.writers.next(due)
		}
	}
	if err := x.loop.Tick(min(gap, 200*time.Microsecond), func(uint64) {}); err != nil {
		return Sample{}, err
	}
	return x.measure(ctx, pump)
}

func (x *session) connectAll(ctx context.Context) error {
	if err := x.connectReceivers(ctx, nil); err != nil {
		return err
	}
	return x.connectWriters(ctx)
}

// measure runs pump through a warm-up and the measured time, then lets
// everything arrive and checks it.
func (x *session) measure(ctx context.Context, pump func()) (Sample, error) {
	if err := x.pumpFor(ctx, x.options.Duration/warmup, pump); err != nil {
		return Sample{}, err
	}
	x.field.latency.Reset()
	before, err := x.read(ctx, false)
	if err != nil {
		return Sample{}, err
	}
	stop := x.startProfile(ctx)
	err = x.pumpFor(ctx, x.options.Duration, pump)
	if err != nil {
		return Sample{}, err
	}
	after, err := x.read(ctx, true)
	if err != nil {
		return Sample{}, err
	}
	stop()
	faults, err := x.settle(ctx)
	return Sample{Metrics: x.deliveryMetrics(before, after), Faults: faults}, err
}

func (x *session) pumpFor(ctx context.Context, d time.Duration, pump func()) error {
	end := time.Time{}
	return x.run(ctx, d+x.options.Within, func() bool {
		if end.IsZero() {
			end = time.Now().Add(d)
		}
		pump()
		return !time.Now().Before(end)
	})
}

// settle waits until everything that was published has arrived, or clearly will
// not, and returns what is wrong.
func (x *session) settle(ctx context.Context) (check.Faults, error) {
	x.loop.StopTicking()
	err := x.run(ctx, x.options.Within, x.writers.settled)
	return x.account(err)
}

// account is what is wrong once nothing more is waited for. Faults say more
// than that it took too long, or that a receiver was cut off before the end.
func (x *session) account(err error) (check.Faults, error) {
	if x.field.failed != nil {
		return check.Faults{}, err
	}
	x.writers.end()
	faults := x.field.order.Faults()
	if faults.Total() > 0 {
		return faults, nil
	}
	return faults, err
}

func (x *session) deliveryMetrics(before, after reading) map[string]float64 {
	seconds := after.at.Sub(before.at).Seconds()
	deliveries := float64(max(1, after.delivered-before.delivered))
	m := map[string]float64{
		report.CPUPerDelivery:    (after.server - before.server).Seconds() * 1e6 / deliveries,
		report.ClientPerDelivery: (after.self - before.self).Seconds() * 1e6 / deliveries,
		report.DeliveriesPerSec:  deliveries / seconds,
		report.P50:               milliseconds(x.field.latency.Quantile(0.50)),
		report.P99:               milliseconds(x.field.latency.Quantile(0.99)),
		report.Others:            after.others(before),
	}
	x.scenario.addSpent(m, after.backend-before.backend, deliveries)
	if allocs, ok := after.counted(before, "go_memstats_mallocs_total"); ok {
		m[report.AllocsPerDelivery] = allocs / deliveries
	}
	return m
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
