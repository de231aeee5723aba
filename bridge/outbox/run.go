package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// Bounds of the time between tries to connect.
const (
	minReconnect = 100 * time.Millisecond
	maxReconnect = 5 * time.Second
)

// run stands for elections until it is told to stop.
func (f *Forwarder) run(ctx, stop context.Context) {
	defer close(f.done)
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = minReconnect, maxReconnect
	for stop.Err() == nil {
		began := time.Now()
		err := f.connection(ctx, stop)
		if stop.Err() != nil || errors.Is(err, errEnd) {
			return
		}
		f.failed(err)
		f.cfg.Logger.Warn("outbox connection failed", "backend", "postgres", "err", err)
		if time.Since(began) > maxReconnect {
			b.Reset()
		}
		pause(stop, b.NextBackOff())
	}
}

// connection is the life of one connection.
func (f *Forwarder) connection(ctx, stop context.Context) error {
	conn, err := f.cfg.DB.Connect(stop, "outbox")
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	defer f.hangUp(ctx, conn)
	q, err := openQueue(stop, f.cfg.DB, conn, f.cfg.Poll)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	for {
		won, err := q.elect(stop)
		if err != nil {
			return fmt.Errorf("outbox: election: %w", err)
		}
		if won {
			return f.leads(ctx, stop, q)
		}
		if pause(stop, jittered(f.cfg.Poll)); stop.Err() != nil {
			return stop.Err()
		}
	}
}

// leads is the life of a leader.
func (f *Forwarder) leads(ctx, stop context.Context, q *queue) error {
	f.lead(true)
	defer f.lead(false)
	if err := q.begin(ctx); err != nil {
		return fmt.Errorf("outbox: begin: %w", err)
	}
	if err := newSession(f, q).lead(ctx, stop); err != nil {
		f.metrics.lost.Inc()
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// hangUp frees the lock.
func (f *Forwarder) hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.cfg.DB.Timeout())
	defer cancel()
	_ = conn.Close(ctx) // what it fails with, its end was
}

func (f *Forwarder) lead(leader bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Leader, f.state.Since = leader, time.Now()
	f.metrics.leads(leader)
}

func (f *Forwarder) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Err, f.state.ErrAt = err, time.Now()
}

// tell counts what a topic answered, and logs what became of it.
func (f *Forwarder) tell(o outcome, all []settled) {
	for _, s := range all {
		switch s.verdict {
		case out:
			f.metrics.published.Inc()
		case dead:
			f.metrics.died.Inc()
			f.cfg.Logger.Warn("outbox row became a dead letter", "topic", s.topic, "id", s.id, "reason", s.reason)
		}
	}
	for _, err := range o.answers {
		if err != nil {
			f.metrics.failures.Inc()
			f.failed(fmt.Errorf("outbox: topic %q: %w", o.topic, err))
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
