//go:build linux

package suite

import (
	"context"
	"time"

	"github.com/troupe-rt/troupe/bench/proc"
)

// A reading is everything that is counted, at one moment.
type reading struct {
	at        time.Time
	server    time.Duration // CPU, of all nodes
	backend   time.Duration // CPU, of Redis or Postgres
	self      time.Duration
	busy      time.Duration // of all cores, by anyone
	rss       int64
	delivered int
	published int
	metrics   map[string]float64 // nil if the server has none
}

// read takes a reading. The scrape of the metrics costs the server CPU time:
// first it is done before the clock starts, last after it stopped.
func (x *session) read(ctx context.Context, last bool) (r reading, err error) {
	if !last {
		r.metrics = x.scrape(ctx)
	}
	for _, n := range x.nodes {
		if err := r.add(n.process.PID()); err != nil {
			return r, err
		}
	}
	if r.backend, err = x.options.spent(ctx, x.scenario); err != nil {
		return r, err
	}
	if r.busy, err = proc.Busy(); err != nil {
		return r, err
	}
	r.self, r.at = proc.SelfCPU(), time.Now()
	r.delivered, r.published = x.field.delivered, x.writers.published
	if last {
		r.metrics = x.scrape(ctx)
	}
	return r, nil
}

// add adds what a process has used.
func (r *reading) add(pid int) error {
	cpu, err := proc.CPU(pid)
	if err != nil {
		return err
	}
	rss, err := proc.RSS(pid)
	if err != nil {
		return err
	}
	r.server, r.rss = r.server+cpu, r.rss+rss
	return nil
}

// scrape sums over all nodes. It returns nil for a server without metrics: they
// are an extra.
func (x *session) scrape(ctx context.Context) map[string]float64 {
	if x.target.Metrics == "" {
		return nil
	}
	sum := make(map[string]float64)
	for _, n := range x.nodes {
		values, err := proc.Scrape(ctx, n.url(x.target.Metrics))
		if err != nil {
			return nil
		}
		for name, v := range values {
			sum[name] += v
		}
	}
	return sum
}

// others is the share of all cores that went to neither server, backend nor client.
func (r reading) others(since reading) float64 {
	all := r.at.Sub(since.at) * time.Duration(proc.Cores())
	rest := (r.busy - since.busy) - (r.server - since.server) - (r.backend - since.backend) - (r.self - since.self)
	return max(0, rest.Seconds()/all.Seconds())
}

// counted is how much a metric grew, false if one of the readings lacks it.
func (r reading) counted(since reading, name string) (float64, bool) {
	to, ok := r.metrics[name]
	from, had := since.metrics[name]
	return to - from, ok && had
}
