package pgbus

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// notify sends payloads in their order. They differ from each other, as Postgres would drop one that
// is the same as another of the transaction.
const notify = `select count(pg_notify($1, p)) from (select p from unnest($2::text[]) with ordinality as u(p, n) order by n) as ordered`

// largeChunks notifications have as long again as the DB's timeout; about 2 MiB of frames.
const largeChunks = 360

// Publish sends a frame to all nodes, and returns when Postgres has it: at once while the breaker is open, else within
// ctx. It fails with ErrOverloaded, ErrTooLarge, ErrClosed, or an error of the DB; then it is unknown
// whether the frame was sent, unless Postgres or the breaker refused. The frame is not read after Publish has returned.
func (b *Bus) Publish(ctx context.Context, name string, frame []byte) error {
	if err := b.publish(ctx, name, frame); err != nil {
		b.metrics.sendErrors.Inc()
		return fmt.Errorf("pgbus: publish: %w", err)
	}
	b.metrics.sent.Inc()
	b.metrics.sentBytes.Add(float64(len(frame)))
	return nil
}

func (b *Bus) publish(ctx context.Context, name string, frame []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(frame) > LargestFrame {
		return ErrTooLarge
	}
	l := &letter{topic: name, frame: frame, done: make(chan error, 1)}
	if err := b.out.put(l); err != nil {
		return err
	}
	wake(b.kick)
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		b.out.withdraw(l)
		return ctx.Err()
	}
}

// sendAll sends what waits in one transaction after another until ctx ends. What comes while one is under
// way is the next, so that the slower the server is the fewer and larger they are.
func (b *Bus) sendAll(ctx context.Context) {
	defer func() {
		for _, l := range b.out.close() {
			l.done <- ErrClosed
		}
	}()
	for ctx.Err() == nil {
		batch := b.out.take()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
			case <-b.kick:
			}
			continue
		}
		payloads := b.encode(batch)
		err := b.send(ctx, payloads)
		for _, l := range batch {
			l.done <- err
		}
	}
}

// encode reads the frames, and tells their publishers that it has.
func (b *Bus) encode(batch []*letter) []string {
	defer b.out.reading.Unlock()
	frames := make([]pgdb.Frame, len(batch))
	for i, l := range batch {
		frames[i] = pgdb.Frame{Topic: l.topic, Body: l.frame}
	}
	return pgdb.Payloads(frames)
}

func (b *Bus) send(ctx context.Context, payloads []string) error {
	began := time.Now()
	exec := func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, notify, b.channel, payloads)
		return err
	}
	var err error
	if chunks := len(payloads) / largeChunks; chunks == 0 {
		err = b.db.Run(ctx, exec)
	} else {
		err = b.db.Long(ctx, time.Duration(1+chunks)*b.db.Timeout(), exec)
	}
	if err == nil {
		b.answered.Add(1)
	}
	b.metrics.batchSeconds.Observe(time.Since(began).Seconds())
	b.metrics.notifications.Add(float64(len(payloads)))
	if err != nil && ctx.Err() != nil {
		return ErrClosed
	}
	return err
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
