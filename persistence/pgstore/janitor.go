package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// A Janitor does Tasks in turn with the Janitors of other nodes: each round of a Task is done by one of
// them. Who does it is in the table tasks, by the database's time; no connection is held for it.
type Janitor struct {
	db     *pgdb.DB
	logger *slog.Logger
	node   string // says who does a round
	claim  string
	finish string

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// NewJanitor starts one. The names of tasks are what they have in common with those of other nodes.
func NewJanitor(db *pgdb.DB, logger *slog.Logger, tasks ...Task) *Janitor {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	j := &Janitor{db: db, logger: logger, node: rand.Text()[:13],
		claim: db.SQL(`insert into {schema}.tasks as t (name, began, until, node)
			values ($1, clock_timestamp(), clock_timestamp() + $2 * interval '1 ms', $3)
			on conflict (name) do update set began = excluded.began, until = excluded.until, node = excluded.node
			where coalesce(t.until <= clock_timestamp(), true) and t.began <= clock_timestamp() - $4 * interval '1 ms'`),
		finish: db.SQL(`update {schema}.tasks set until = null where name = $1 and node = $2`)}
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel = cancel
	for _, t := range tasks {
		j.wg.Go(func() { j.keep(ctx, t) })
	}
	return j
}

// Close ends the rounds under way and waits for them.
func (j *Janitor) Close(ctx context.Context) error {
	j.cancel()
	done := make(chan struct{})
	go func() { j.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pgstore: janitor: close: %w", ctx.Err())
	}
}

// keep does a task's rounds. Nodes that started together do not ask together.
func (j *Janitor) keep(ctx context.Context, t Task) {
	failing := false
	wait := mathrand.N(t.Every)/4 + 1
	for {
		if !pause(ctx, wait) {
			return
		}
		wait = t.Every - t.Every/16 + mathrand.N(t.Every/8+1)
		err := j.round(ctx, t)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !failing && !errors.Is(err, breaker.ErrOpen):
			j.logger.Warn("cleaning failed, and is tried again", "backend", backend, "task", t.Name, "err", err)
			failing = true
		case err == nil && failing:
			j.logger.Info("cleaning works again", "backend", backend, "task", t.Name)
			failing = false
		}
	}
}

// minRound is what a round gets at least. Others take over when it has passed twice.
const minRound = 30 * time.Second

// round does one if it is time, and nobody else does.
func (j *Janitor) round(ctx context.Context, t Task) error {
	limit := max(t.Every, minRound)
	ctx, cancel := context.WithTimeout(ctx, limit) // from before others may think that it is over
	defer cancel()
	mine := false
	err := j.db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		tag, err := q.Exec(ctx, j.claim, t.Name, 2*limit.Milliseconds(), j.node, (t.Every * 3 / 4).Milliseconds())
		mine = tag.RowsAffected() == 1
		return err
	})
	if err != nil || !mine {
		return err
	}
	err = run(ctx, t)
	// Also where ctx has ended; this has a deadline of its own.
	done := j.db.Run(context.WithoutCancel(ctx), func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, j.finish, t.Name, j.node)
		return err
	})
	return errors.Join(err, done)
}

// run makes an error of a panic, so that a task that is wrong costs nothing but itself.
func run(ctx context.Context, t Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pgstore: task %s: panic: %v", t.Name, p)
		}
	}()
	return t.Run(ctx)
}

// pause reports whether the time has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
