//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/troupe-rt/troupe/bench/pgd"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bridge/outbox"
)

// A scene is all that there is.
type scene struct {
	s      settings
	folder string
	log    func(format string, args ...any)
	began  time.Time // of the one clock
	ctx    context.Context
	cancel context.CancelFunc

	server     *pgd.Server
	forwarders []*proc.Process
	receivers  []*receiver
	writers    []*writer
	written    atomic.Int64 // rows
	committed  atomic.Int64 // of them that have to arrive
	unknown    atomic.Bool  // more may
	kills      int
	cuts       int
	wrote, all time.Duration // until the last commit, and until all had arrived
}

func open(ctx context.Context, s settings, dir, folder string, log func(string, ...any)) (x *scene, err error) {
	x = &scene{s: s, folder: folder, log: log, began: time.Now()}
	x.ctx, x.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			x.close()
		}
	}()
	if x.server, err = pgd.Start(ctx, dir, "max_connections=300"); err != nil {
		return x, err
	}
	for i := range s.receivers { // the first brings the schema up to date
		r, err := startReceiver(x.ctx, x, i)
		if err != nil {
			return x, err
		}
		x.receivers = append(x.receivers, r)
	}
	for i := range s.forwarders {
		p, err := startForwarder(x.ctx, x.server.URL(), fmt.Sprint("forwarder-", i))
		if err != nil {
			return x, err
		}
		x.forwarders = append(x.forwarders, p)
	}
	for i := range s.workers {
		w, err := newWriter(x, i)
		if err != nil {
			return x, err
		}
		x.writers = append(x.writers, w)
	}
	log("%d rows, %d workers, %d topics, %d forwarders, %d receivers", s.rows, s.workers, s.topics, s.forwarders, s.receivers)
	return x, nil
}

// now is the time in nanoseconds.
func (x *scene) now() int64 { return int64(time.Since(x.began)) }

// play has everybody work until all has arrived, or it is too late.
func (x *scene) play(ctx context.Context) error {
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	trouble, calm := context.WithCancel(gctx)
	defer calm()
	g.Go(func() error { return x.killLeaders(trouble) })
	writing, written := context.WithCancel(trouble)
	defer written()
	g.Go(func() error { return x.cutConnections(writing) })
	g.Go(func() error { return x.tell(trouble) })
	g.Go(func() error {
		defer calm()
		w, wctx := errgroup.WithContext(gctx)
		for _, writer := range x.writers {
			w.Go(func() error { return writer.run(wctx) })
		}
		if err := w.Wait(); err != nil {
			return err
		}
		written()
		x.wrote = time.Since(began)
		x.log("all is written; %d leaders killed so far", x.kills)
		return x.arrive(gctx)
	})
	err := g.Wait()
	x.all = time.Since(began)
	return err
}

// settleFor is how long nothing may come any more until that is believed. What a node had written when it was killed is
// found when its lease has ended.
const settleFor = 15 * time.Second

// arrive returns when receivers have what was committed, and nothing more comes for a while.
func (x *scene) arrive(ctx context.Context) error {
	deadline := time.Now().Add(x.s.within)
	var last int64
	since := time.Now()
	for ctx.Err() == nil && time.Now().Before(deadline) {
		pause(ctx, 100*time.Millisecond)
		sum, all := int64(0), true
		for _, r := range x.receivers {
			got := r.got.Load()
			sum += got
			all = all && got >= x.committed.Load()
		}
		b, err := outbox.Look(ctx, x.receivers[0].node.Postgres())
		if sum != last || err != nil || b.Pending > 0 {
			last, since = sum, time.Now()
			continue
		}
		if still := time.Since(since); all && !x.unknown.Load() && still > time.Second || still > settleFor {
			return nil
		}
	}
	return ctx.Err()
}

// tell says how far things are.
func (x *scene) tell(ctx context.Context) error {
	for ctx.Err() == nil {
		pause(ctx, 10*time.Second)
		x.log("%d rows written, %d arrived at the first receiver", x.written.Load(), x.receivers[0].got.Load())
	}
	return nil
}

// close ends everything.
func (x *scene) close() {
	x.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	var faults []error
	for i, p := range x.forwarders {
		p.Stop()
		if out := p.Output(); out != "" {
			x.log("forwarder %d printed last: %s", i, out)
		}
	}
	for _, r := range x.receivers {
		faults = append(faults, r.close(ctx))
	}
	for _, w := range x.writers {
		faults = append(faults, w.record.close())
	}
	if err := errors.Join(faults...); err != nil {
		x.log("%v", err)
	}
	if x.server != nil {
		x.server.Stop()
	}
}

// account is what happened.
func (x *scene) account() string {
	return fmt.Sprintf("took          %s to write, %s until all had arrived; %.0f rows/s written; the leader was killed %d times, connections cut %d times\n",
		x.wrote.Round(100*time.Millisecond), x.all.Round(100*time.Millisecond), float64(x.written.Load())/x.wrote.Seconds(), x.kills, x.cuts)
}
