package pgbus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestKillsUnderTraffic ends the connections that listen ten times a second. What is missing lies in a time that
// was announced.
func TestKillsUnderTraffic(t *testing.T) {
	t.Parallel()
	told, sent := underTraffic(t, "troupe % relay")
	if len(told) < 3 || len(told) > 21 {
		t.Errorf("told of %d interruptions, there were about 20", len(told))
	}
	if len(sent) < 2 || len(sent[0])+len(sent[1]) < 100 {
		t.Errorf("only %d frames were sent", len(sent[0])+len(sent[1]))
	}
}

// TestSenderKilled ends the connections that send: what was published without an error arrives all the same, as
// nobody who listens was interrupted.
func TestSenderKilled(t *testing.T) {
	t.Parallel()
	if told, _ := underTraffic(t, "troupe sender_"); len(told) > 0 {
		t.Errorf("told of %d interruptions, there were none", len(told))
	}
}

// underTraffic ends connections of programs whose names are like that while two nodes send to a third.
func underTraffic(t *testing.T, program string) (told []interruption, sent [][]letter) {
	t.Helper()
	server := pgtest.Shared(t)
	database := server.Database(t)
	receiver := start(t, database, pgbus.Config{Node: "receiver"})
	to := newSink()
	follow(t, receiver, "room", to)
	stop := make(chan struct{})
	var running sync.WaitGroup
	sent = make([][]letter, 2)
	for i := range sent {
		bus := start(t, database, pgbus.Config{Node: fmt.Sprint("sender", i)})
		running.Go(func() { sent[i] = keepSending(t, bus, fmt.Sprint(i), time.Millisecond, stop) })
	}
	kill := time.NewTicker(100 * time.Millisecond)
	defer kill.Stop()
	for range 20 {
		<-kill.C
		server.Exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like $2`,
			nameOf(t, database), program)
	}
	close(stop)
	running.Wait()
	pgtest.Eventually(t, patience, "it listens", connected(receiver, true))
	insist(t, receiver, "room", "end")
	to.wantFrame(t, "room", "end")
	lost := checkLetters(t, to, sent...)
	told = to.interruptions("room")
	t.Logf("sent %d and %d, lost %d, told of %d interruptions", len(sent[0]), len(sent[1]), lost, len(told))
	return told, sent
}

// TestRestart stops the server in order, and then by kill -9.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	a := start(t, server.URL(), pgbus.Config{Node: "a"})
	b := start(t, server.URL(), pgbus.Config{Node: "b"})
	to := newSink()
	follow(t, b, "room", to)
	for i, stop := range []func(){func() { server.Stop(t) }, server.Kill} {
		stop()
		for _, bus := range []*pgbus.Bus{a, b} {
			pgtest.Eventually(t, patience, "the loss is noticed", connected(bus, false))
		}
		if err := a.Publish(t.Context(), "room", []byte("lost")); err == nil {
			t.Error("published without a server")
		}
		server.Run(t)
		to.wantRestored(t, "room", i+1)
		end := fmt.Sprint("end", i)
		insist(t, a, "room", end)
		to.wantFrame(t, "room", end)
	}
	if n := len(to.interruptions("room")); n != 2 {
		t.Errorf("told of %d interruptions, there were two", n)
	}
}

// TestHangs lets nothing through to a node and back, and says so to nobody: the half-open connection is found, and what
// others published meanwhile is announced as lost.
func TestHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := server.Database(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	db := connect(t, proxy.URL(database), pgdb.Config{Timeout: 200 * time.Millisecond})
	bus := start(t, "", pgbus.Config{DB: db, Node: "b", Ping: 100 * time.Millisecond})
	other := start(t, database, pgbus.Config{Node: "a"})
	to := newSink()
	follow(t, bus, "room", to)
	stop := make(chan struct{})
	var sending sync.WaitGroup
	var sent []letter
	sending.Go(func() { sent = keepSending(t, other, "a", time.Millisecond, stop) })
	insist(t, other, "room", "begun")
	to.wantFrame(t, "room", "begun")
	proxy.Hang()
	began := time.Now()
	if err := bus.Publish(t.Context(), "room", []byte("x")); !errors.Is(err, pgdb.ErrTimeout) {
		t.Errorf("Publish: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Publish took %v", took)
	}
	pgtest.Eventually(t, 5*time.Second, "the half-open connection is found", connected(bus, false))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := bus.Follow(ctx, "other", to); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Follow: %v", err)
	}
	proxy.Heal(t)
	to.wantRestored(t, "room", 1)
	insist(t, bus, "room", "again")
	to.wantFrame(t, "room", "again")
	close(stop)
	sending.Wait()
	insist(t, other, "room", "end")
	to.wantFrame(t, "room", "end")
	lost := checkLetters(t, to, sent)
	t.Logf("sent %d, lost %d, told of %d interruptions", len(sent), lost, len(to.interruptions("room")))
}

// TestLostAnswer: who publishes is told that nothing is known, and may find that it arrived.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := server.Database(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	a := start(t, proxy.URL(database), pgbus.Config{Node: "a"})
	b := start(t, database, pgbus.Config{Node: "b"})
	to := newSink()
	follow(t, b, "room", to)
	insist(t, a, "room", "before")
	to.wantFrame(t, "room", "before")
	proxy.LoseAnswer()
	if err := a.Publish(t.Context(), "room", []byte("unknown")); err == nil {
		// The answer that was lost was one to the listener; this one came.
		to.wantFrame(t, "room", "unknown")
	}
	insist(t, a, "room", "end")
	to.wantFrame(t, "room", "end")
	if n := len(to.interruptions("room")); n > 0 {
		t.Errorf("told of %d interruptions", n)
	}
}

func startBreaker(t *testing.T) *breaker.Breaker {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	t.Cleanup(func() { _ = system.Close(context.Background()) })
	br, err := breaker.New(system, breaker.Options{Backend: "postgres", Answered: pgdb.Answered, Reason: pgdb.Reason,
		FailureThreshold: 3, ResetTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return br
}

// TestBreaker: nobody calls, and the breaker hears of an outage and of its end.
func TestBreaker(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	br := startBreaker(t)
	bus := start(t, "", pgbus.Config{DB: connect(t, server.URL(), pgdb.Config{Breaker: br}), Node: "b", Ping: 50 * time.Millisecond})
	to := newSink()
	follow(t, bus, "room", to)
	server.Stop(t)
	waiting := make(chan error, 1)
	pgtest.Eventually(t, patience, "the loss is noticed", connected(bus, false))
	go func() { waiting <- bus.Follow(t.Context(), "waits", to) }()
	state := func(want bool) func() error {
		return func() error {
			if s := br.State(); (s == breaker.Healthy) != want {
				return errors.New(s.String())
			}
			return nil
		}
	}
	pgtest.Eventually(t, patience, "the breaker opens", state(false))
	select {
	case err := <-waiting:
		if !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("Follow that waited: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Follow waits although the breaker is open")
	}
	began := time.Now()
	if err := bus.Follow(t.Context(), "new", to); !errors.Is(err, breaker.ErrOpen) || time.Since(began) > time.Second {
		t.Errorf("Follow while the breaker is open: %v after %v", err, time.Since(began))
	}
	pgtest.Eventually(t, patience, "Publish fails at once", func() error {
		if err := bus.Publish(t.Context(), "room", []byte("x")); !errors.Is(err, breaker.ErrOpen) {
			return fmt.Errorf("Publish: %w", err)
		}
		return nil
	})
	server.Run(t)
	pgtest.Eventually(t, patience, "the ping heals the breaker", state(true))
	to.wantRestored(t, "room", 1)
	follow(t, bus, "new", to)
	insist(t, bus, "new", "end")
	to.wantFrame(t, "new", "end")
}
