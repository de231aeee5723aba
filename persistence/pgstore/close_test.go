package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// Close lets calls end that are under way and refuses others.
func TestClose(t *testing.T) {
	t.Parallel()
	s, release := blocked(t)
	waiting := make(chan error, 1)
	go func() { _, err := s.Append(t.Context(), "t", events(1), plenty); waiting <- err }()
	waits(t, s, 1)
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context()) }()
	pgtest.Eventually(t, 10*time.Second, "calls are refused", func() error {
		_, err := s.Read(t.Context(), "t", 0, 1, plenty)
		if !errors.Is(err, ErrClosed) {
			return fmt.Errorf("Read: %w", err)
		}
		return nil
	})
	if _, err := s.Append(t.Context(), "t", events(1), plenty); !errors.Is(err, ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	select {
	case err := <-closed:
		t.Errorf("Close returned before the calls: %v", err)
	default:
	}
	release()
	if err := <-waiting; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Close whose context ends cuts off what is under way.
func TestCloseInHaste(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	put(t, s, "t", event("x"))
	release := hold(t, s, "t")
	defer release()
	failed := make(chan error, 1)
	go func() { _, err := s.Append(context.Background(), "t", events(1), plenty); failed <- err }()
	hangs(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the call did not fail")
	}
}

// Four nodes that append to the same fifty topics at once leave no hole, wait for each other in no circle, and keep each ID once.
func TestNodesBeside(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	schema, j := newSchema(), newJournal()
	stores := make([]*Store, 4)
	for i := range stores {
		stores[i] = storeOn(t, pgdb.Config{URL: server.URL(), Schema: schema, Timeout: 20 * time.Second}, Config{})
	}
	var wg sync.WaitGroup
	for w := range 60 {
		wg.Go(func() {
			for i := range 60 {
				// Every third event is sent by two nodes.
				id := fmt.Sprintf("%d/%d", w, i)
				if i%3 == 0 {
					id = fmt.Sprintf("%d/%d", w/2, i)
				}
				j.write(t.Context(), stores[w%4], "topic "+strconv.Itoa((w/2*13+i)%50), id)
			}
		})
	}
	wg.Wait()
	if j.errs > 0 {
		t.Errorf("%d calls failed", j.errs)
	}
	for _, s := range stores {
		j.check(t, s)
		if n := testutil.ToFloat64(s.metrics.retries); n > 0 {
			t.Errorf("%v statements ran again", n)
		}
	}
}
