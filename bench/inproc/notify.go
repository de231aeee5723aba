//go:build linux

package inproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

const notifyChannel = "bench_events"

// notifyConns is how many connections those who notify share, as an application's pool would have.
const notifyConns = 10

// notified measures how many notifications get from Postgres to a receiver: Window at a time, each of which waits until its
// own has arrived before it sends the next.
func notified(ctx context.Context, t Task) (map[string]float64, error) {
	node, err := cluster.Start(ctx, t.shared(cluster.Config{ID: "a", Notify: []pgnotify.Channel{{Name: notifyChannel}},
		Topics: []topic.Policy{{Match: "*", History: -1}}}))
	if err != nil {
		return nil, err
	}
	defer node.Close()
	h := newHearer(t.Window)
	if err := subscribe(ctx, node.Topics(), h, h.joined); err != nil {
		return nil, err
	}
	if err := node.Notify().Ready(ctx); err != nil {
		return nil, fmt.Errorf("inproc: notify: %w", err)
	}
	cfg, err := pgxpool.ParseConfig(t.Postgres)
	if err != nil {
		return nil, fmt.Errorf("inproc: notify: %w", err)
	}
	cfg.MaxConns = notifyConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("inproc: notify: %w", err)
	}
	defer pool.Close()
	figures, err := h.run(ctx, t, t.Window, func(measured context.Context, i int) error {
		for measured.Err() == nil {
			if err := h.notify(ctx, pool, t, i); err != nil {
				return err
			}
		}
		return nil
	})
	return figures, errors.Join(err, h.faults())
}

// A hearer is a receiver that tells each publisher of what it published.
type hearer struct {
	counter
	sent []uint32        // per publisher
	back []chan struct{} // per publisher
}

func newHearer(publishers int) *hearer {
	h := &hearer{sent: make([]uint32, publishers), back: make([]chan struct{}, publishers)}
	h.order, h.joined, h.progress = check.NewOrder(1, publishers), make(chan error, 1), make(chan struct{}, 1)
	for i := range h.back {
		h.back[i] = make(chan struct{}, 1)
	}
	return h
}

func (h *hearer) notify(ctx context.Context, pool *pgxpool.Pool, t Task, i int) error {
	h.sent[i]++
	mark := check.Mark{Publisher: uint8(i), Number: h.sent[i], At: uint64(sinceStart())}
	payload := check.AppendPayload([]byte(`{"topic":"`+room+`","event":"m","data":`), mark, t.Payload)
	if _, err := pool.Exec(ctx, "select pg_notify($1, $2)", notifyChannel, string(payload)+"}"); err != nil {
		return err
	}
	late := time.NewTimer(settleWithin)
	defer late.Stop()
	select {
	case <-h.back[i]:
		return nil
	case <-late.C:
		return fmt.Errorf("inproc: a notification did not arrive within %s", settleWithin)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Deliver implements topic.Outlet.
func (h *hearer) Deliver(name string, b *topic.Batch) {
	h.counter.Deliver(name, b)
	for _, e := range b.Events {
		check.Scan(e.Data(), func(m check.Mark) {
			select {
			case h.back[m.Publisher] <- struct{}{}:
			default:
			}
		})
	}
}

// faults is what was wrong, once everything has arrived or clearly will not.
func (h *hearer) faults() error {
	for i, n := range h.sent[1:] {
		h.order.End(0, i+1, n)
	}
	return h.fault(int64(h.sent[0]), 0)
}
