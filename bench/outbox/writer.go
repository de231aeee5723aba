//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/bench/outbox/check"
	"github.com/troupe-rt/troupe/bridge/outbox"
)

// A writer runs transactions, one after the other.
type writer struct {
	x      *scene
	name   string
	record *record
	dice   *rand.Rand
	txs    int
	valid  int64 // rows of the transaction that are not void
}

func newWriter(x *scene, i int) (*writer, error) {
	name := fmt.Sprintf("writer-%03d", i)
	r, err := newRecord(x.folder, name)
	return &writer{x: x, name: fmt.Sprint("w", i), record: r, dice: rand.New(rand.NewPCG(x.s.seed, uint64(i)))}, err
}

// run writes until there are enough rows. It connects again when the connection is lost.
func (w *writer) run(ctx context.Context) error {
	for ctx.Err() == nil && w.x.written.Load() < int64(w.x.s.rows) {
		conn, err := pgx.Connect(ctx, w.x.server.URL())
		if err != nil {
			pause(ctx, 50*time.Millisecond)
			continue
		}
		for err == nil && w.x.written.Load() < int64(w.x.s.rows) {
			err = w.transact(ctx, conn)
		}
		conn.Close(ctx)
		if err != nil && w.x.s.cut == 0 {
			return fmt.Errorf("outbox: %s: %w", w.name, err)
		}
	}
	return ctx.Err()
}

// transact runs a transaction of up to eight rows for up to four topics.
func (w *writer) transact(ctx context.Context, conn *pgx.Conn) error {
	w.txs++
	w.valid = 0
	name := fmt.Sprintf("%s-%d", w.name, w.txs)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	n := 1 + w.dice.IntN(8)
	topics := make([]string, 1+w.dice.IntN(4))
	for i := range topics {
		topics[i] = fmt.Sprint("topic:", w.dice.IntN(w.x.s.topics))
	}
	back := w.dice.IntN(3) == 0
	for i := range n {
		if err := w.publish(ctx, tx, name, topics[w.dice.IntN(len(topics))], i); err != nil {
			w.record.write(check.Line{Kind: check.RolledBack, Tx: name})
			return err
		}
		w.x.written.Add(1)
	}
	if w.x.s.delay > 0 {
		pause(ctx, rand.N(w.x.s.delay))
	}
	if back {
		w.record.write(check.Line{Kind: check.RolledBack, Tx: name})
		return tx.Rollback(ctx)
	}
	return w.commit(ctx, tx, name)
}

// publish writes a row; one in sixteen within a savepoint that is rolled back.
func (w *writer) publish(ctx context.Context, tx pgx.Tx, name, topic string, i int) error {
	id := fmt.Sprintf("%s-%d", name, i)
	void := w.dice.IntN(16) == 0
	w.record.write(check.Line{Kind: check.Wrote, Tx: name, Topic: topic, ID: id})
	in := tx
	if void {
		w.record.write(check.Line{Kind: check.Void, ID: id})
		var err error
		if in, err = tx.Begin(ctx); err != nil {
			return err
		}
	}
	if _, err := outbox.Publish(ctx, in, topic, "row", id); err != nil {
		return err
	}
	if void {
		return in.Rollback(ctx)
	}
	w.valid++
	return nil
}

func (w *writer) commit(ctx context.Context, tx pgx.Tx, name string) error {
	from := w.x.now()
	if err := tx.Commit(ctx); err != nil {
		w.record.write(check.Line{Kind: check.Unknown, Tx: name, From: from})
		w.x.unknown.Store(true)
		return err
	}
	w.record.write(check.Line{Kind: check.Committed, Tx: name, From: from, To: w.x.now()})
	w.x.committed.Add(w.valid)
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
