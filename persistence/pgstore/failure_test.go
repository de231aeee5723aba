package pgstore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

// twoStores are two nodes on one database.
func twoStores(t *testing.T, url string) []*Store {
	t.Helper()
	at := pgdb.Config{URL: url, Timeout: time.Second}
	return []*Store{storeOn(t, at, Config{}), storeOn(t, at, Config{})}
}

// works waits until both Stores answer again by themselves.
func works(t *testing.T, stores []*Store) {
	t.Helper()
	for _, s := range stores {
		pgtest.Eventually(t, 20*time.Second, "the store works again", func() error {
			_, err := s.Append(context.Background(), "after", events(1), plenty)
			return err
		})
	}
}

// through runs a storm of writers while trouble comes a few times, with some quiet between, and then
// looks that nothing is lost that was acknowledged.
func through(t *testing.T, stores []*Store, times int, trouble func()) {
	t.Helper()
	j := newJournal()
	ctx, stop := context.WithCancel(t.Context())
	wait := j.storm(ctx, stores, 12, 5)
	for range times {
		progress(t, j)
		trouble()
	}
	works(t, stores)
	progress(t, j)
	stop()
	wait()
	j.check(t, stores[0])
	if j.errs == 0 {
		t.Error("nothing went wrong, so nothing was shown")
	}
}

// progress waits until writers were told of some more events.
func progress(t *testing.T, j *journal) {
	t.Helper()
	total := func() (n int) {
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, told := range j.told {
			n += len(told)
		}
		return n
	}
	before := total()
	pgtest.Eventually(t, 30*time.Second, "writers get on", func() error {
		if now := total(); now < before+200 {
			return fmt.Errorf("%d events after %d", now, before)
		}
		return nil
	})
}

func TestConnectionsAreKilled(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	through(t, twoStores(t, server.URL()), 8, func() { server.KillClients(t) })
}

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	t.Run("in order", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		through(t, twoStores(t, server.URL()), 2, func() { server.Stop(t); server.Run(t) })
	})
	t.Run("kill -9", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		through(t, twoStores(t, server.URL()), 3, func() { server.Kill(); server.Run(t) })
	})
}

// A server whose commits do not wait for the disk by default keeps what was acknowledged all the same.
func TestCommitsAreOnDisk(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "synchronous_commit=off", "wal_writer_delay=10s")
	s := storeOn(t, pgdb.Config{URL: server.URL()}, Config{})
	for range 3 {
		put(t, s, "t", events(1)...)
		server.Kill()
		server.Run(t)
		works(t, []*Store{s})
	}
	if p := get(t, s, "t"); p.Head.Seq != 3 || len(p.Records) != 3 {
		t.Errorf("head %d, %d records; want 3", p.Head.Seq, len(p.Records))
	}
	epoch := get(t, s, "t").Head.Epoch
	if err := s.Clear(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	cleared := get(t, s, "t").Head.Epoch
	if err := s.Renew(t.Context(), "after", get(t, s, "after").Head.Epoch); err != nil {
		t.Fatal(err)
	}
	renewed := get(t, s, "after").Head.Epoch
	server.Kill()
	server.Run(t)
	works(t, []*Store{s})
	if p := get(t, s, "t"); p.Head.Epoch != cleared || cleared == epoch || p.Head.Seq != 0 {
		t.Errorf("after Clear and a crash it stands at %v", p.Head)
	}
	if p := get(t, s, "after"); p.Head.Epoch != renewed {
		t.Errorf("after Renew and a crash it stands at %v", p.Head)
	}
}

// The network cuts connections, hangs, and loses answers of what took effect.
func TestNetworkFails(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	i := 0
	through(t, twoStores(t, proxy.URL(server.URL())), 8, func() {
		switch i++; i % 4 {
		case 0:
			proxy.Cut()
		case 1:
			proxy.LoseAnswer()
		case 2:
			proxy.Hang()
			pause(t.Context(), 1500*time.Millisecond)
			proxy.Heal(t)
		case 3:
			proxy.Refuse()
			pause(t.Context(), 100*time.Millisecond)
			proxy.Heal(t)
		}
	})
}

// A full disk is said so, costs nothing that was acknowledged, and is forgotten when there is room again.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	server := pgtest.TinyDisk(t)
	stores := twoStores(t, server.URL())
	large := topic.Entry{Name: "e", Data: []byte(`"` + longText(200_000) + `"`)}
	through(t, stores, 2, func() {
		server.FillDisk(t)
		var err error
		pgtest.Eventually(t, 20*time.Second, "the disk is full", func() error {
			if _, err = stores[0].Append(t.Context(), "large", []topic.Entry{large}, plenty); err == nil {
				return errors.New("it takes more")
			}
			if reason := pgdb.Reason(err); reason != "full" {
				return fmt.Errorf("reason %s: %w", reason, err)
			}
			return nil
		})
		if _, err := stores[1].Read(t.Context(), "large", 0, 1, plenty); err != nil {
			t.Logf("reading while the disk is full: %v", err)
		}
		server.FreeDisk(t)
	})
}

// longText does not compress.
func longText(n int) string {
	text := make([]byte, n)
	x := uint32(1)
	for i := range text {
		x = x*1664525 + 1013904223
		text[i] = 'a' + byte(x>>24)%26
	}
	return string(text)
}

// REP-15: while the breaker is open nothing waits, not even behind a call that hangs.
func TestREP15BreakerOpen(t *testing.T) {
	t.Parallel()
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(context.Background()) }()
	b, err := breaker.New(system, breaker.Options{Backend: "postgres", FailureThreshold: 1, Answered: pgdb.Answered, Reason: pgdb.Reason})
	if err != nil {
		t.Fatal(err)
	}
	server := pgtest.Start(t)
	s := storeOn(t, pgdb.Config{URL: server.URL(), Breaker: b, Timeout: 3 * time.Second}, Config{Lanes: 1})
	put(t, s, "t", event("x"))
	release := hold(t, s, "t")
	defer release()
	hangs := make(chan error, 1)
	go func() { _, err := s.Append(context.Background(), "t", events(1), plenty); hangs <- err }()
	pgtest.Eventually(t, 5*time.Second, "a call hangs", func() error {
		if count(t, s, `select count(*) from pg_stat_activity where wait_event_type = 'Lock'`) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	server.KillClients(t) // the hanging one is not let go by its lane before it has ended
	server.Pause()
	defer server.Resume()
	pgtest.Eventually(t, 10*time.Second, "the breaker opens", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Read(ctx, "t", 0, 1, plenty); errors.Is(err, breaker.ErrOpen) {
			return nil
		}
		return fmt.Errorf("it is %v", b.State())
	})
	refused(t, s)
	<-hangs
}

func refused(t *testing.T, s *Store) {
	t.Helper()
	for name, call := range map[string]func() error{
		"append": func() error { _, err := s.Append(t.Context(), "t", events(1), plenty); return err },
		"empty":  func() error { _, err := s.Append(t.Context(), "t", nil, plenty); return err },
		"read":   func() error { _, err := s.Read(t.Context(), "t", 0, 1, plenty); return err },
		"clear":  func() error { return s.Clear(t.Context(), "t") },
		"renew":  func() error { return s.Renew(t.Context(), "t", "x") },
	} {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if err := call(); !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("%s: %v, want breaker.ErrOpen", name, err)
			}
			best = min(best, time.Since(began))
		}
		if best > 5*time.Millisecond {
			t.Errorf("%s took %v to be refused", name, best)
		}
	}
}
