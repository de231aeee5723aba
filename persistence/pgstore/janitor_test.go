package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func startJanitor(t *testing.T, s *Store, logger *slog.Logger, tasks ...Task) *Janitor {
	t.Helper()
	j := NewJanitor(s.db, logger, tasks...)
	t.Cleanup(func() { closeJanitor(t, j) })
	return j
}

func closeJanitor(t *testing.T, j *Janitor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := j.Close(ctx); err != nil {
		t.Error(err)
	}
}

// Each round of a task is done by one node, and nodes do not make rounds more frequent.
func TestJanitorOneNodeAtATime(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	var now, most, rounds atomic.Int32
	task := Task{Name: "test", Every: 100 * time.Millisecond, Run: func(ctx context.Context) error {
		most.Store(max(most.Load(), now.Add(1)))
		pause(ctx, 20*time.Millisecond)
		now.Add(-1)
		rounds.Add(1)
		return nil
	}}
	began := time.Now()
	for range 4 {
		startJanitor(t, s, nil, task)
	}
	pgtest.Eventually(t, 30*time.Second, "ten rounds", func() error {
		if n := rounds.Load(); n < 10 {
			return fmt.Errorf("%d rounds", n)
		}
		return nil
	})
	if most.Load() != 1 {
		t.Errorf("%d nodes at once", most.Load())
	}
	if took := time.Since(began); took < 9*task.Every*3/4 {
		t.Errorf("%d rounds in %v", rounds.Load(), took)
	}
}

// Another node goes on where one died in a round.
func TestJanitorTakesOver(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	exec(t, s, `insert into {schema}.tasks values ('test', clock_timestamp() - interval '1 minute', clock_timestamp() + interval '700 ms', 'dead')`)
	done := make(chan int64, 100)
	startJanitor(t, s, nil, Task{Name: "test", Every: 20 * time.Millisecond, Run: func(context.Context) error {
		done <- count(t, s, `select count(*) from {schema}.tasks where name = 'test' and node <> 'dead' and until > clock_timestamp()`)
		return nil
	}})
	began := time.Now()
	if mine := <-done; mine != 1 || time.Since(began) < 400*time.Millisecond {
		t.Errorf("after %v; noted as mine: %d", time.Since(began), mine)
	}
}

// Close ends a round and lets the next node begin at once. A task that fails or panics goes on, and is told of once.
func TestJanitorTrouble(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	var log syncBuffer
	var rounds atomic.Int32
	j := startJanitor(t, s, slog.New(slog.NewTextHandler(&log, nil)),
		Task{Name: "fails", Every: 10 * time.Millisecond, Run: func(context.Context) error {
			if n := rounds.Add(1); n%2 == 0 && n < 10 {
				panic("so")
			} else if n < 10 {
				return errors.New("sorry")
			}
			return nil
		}},
		Task{Name: "long", Every: 10 * time.Millisecond, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	pgtest.Eventually(t, 20*time.Second, "it works again", func() error {
		if !strings.Contains(log.String(), "works again") {
			return errors.New("it does not")
		}
		return nil
	})
	pgtest.Eventually(t, 20*time.Second, "the long one runs", func() error {
		if count(t, s, `select count(*) from {schema}.tasks where name = 'long' and until is not null`) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	closeJanitor(t, j)
	if n := count(t, s, `select count(*) from {schema}.tasks where until is not null`); n != 0 {
		t.Errorf("%d rounds are not over after Close", n)
	}
	if n := strings.Count(log.String(), "cleaning failed"); n != 1 {
		t.Errorf("the failure is told %d times:\n%s", n, log.String())
	}
}

// All tasks of the stores run under a Janitor.
func TestJanitorRunsTasks(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	tasks := s.Tasks()
	for i := range tasks {
		tasks[i].Every = 50 * time.Millisecond
	}
	startJanitor(t, s, nil, tasks...)
	pgtest.Eventually(t, 20*time.Second, "all have run", func() error {
		if n := count(t, s, `select count(*) from {schema}.tasks where until is null`); n != int64(len(tasks)) {
			return fmt.Errorf("%d of %d", n, len(tasks))
		}
		return nil
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
