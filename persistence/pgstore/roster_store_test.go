package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/storetest"
	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

func TestRosters(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var cases atomic.Int32
	storetest.Rosters(t, func(t *testing.T) storetest.RosterBackend {
		db := pgtest.Open(t, url, pgdb.Config{Schema: fmt.Sprint("case_", cases.Add(1)), MaxConns: 4, Timeout: 10 * time.Second})
		return storetest.RosterBackend{Store: NewRosters(db), Relay: fresh{startBus(t, db)}, Empty: func() { emptyRosters(t, db, url) }}
	}, storetest.RosterOptions{Unit: 400 * time.Millisecond})
}

// A fresh relay brings nothing that was sent before a topic was followed, as the suite expects. What a bus
// brings may have been on its way then.
type fresh struct{ *pgbus.Bus }

func (f fresh) Follow(ctx context.Context, name string, to topic.Sink) error {
	s := &freshSink{to: to, mark: rand.Text(), begun: make(chan struct{})}
	if err := f.Bus.Follow(ctx, name, s); err != nil {
		return err
	}
	if err := f.Publish(ctx, name, []byte(s.mark)); err != nil {
		return err
	}
	<-s.begun
	return nil
}

type freshSink struct {
	to    topic.Sink
	mark  string
	begun chan struct{}
	on    bool // the bus calls one method at a time
}

func (s *freshSink) Restored(name string, since time.Time) { s.to.Restored(name, since) }

func (s *freshSink) Received(name string, frame []byte) {
	switch {
	case s.on:
		s.to.Received(name, frame)
	case string(frame) == s.mark:
		s.on = true
		close(s.begun)
	}
}

func startBus(t testing.TB, db *pgdb.DB) *pgbus.Bus {
	t.Helper()
	bus, err := pgbus.New(pgbus.Config{DB: db, Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(t.Context()) })
	return bus
}

// emptyRosters does what a crash of the server does.
func emptyRosters(t testing.TB, db *pgdb.DB, url string) {
	t.Helper()
	pgtest.Exec(t, url, db.SQL(`truncate {schema}.rosters, {schema}.roster_members, {schema}.roster_lives, {schema}.roster_dead, {schema}.roster_notes`))
}

// openRosters returns rosters in a database of their own.
func openRosters(t testing.TB) (*Rosters, string) {
	t.Helper()
	url := pgtest.Shared(t).Database(t)
	return NewRosters(pgtest.Open(t, url, pgdb.Config{})), url
}

func showing(key, value string) roster.Op { return roster.Op{Key: key, Value: []byte(value)} }

func applyOps(t testing.TB, r *Rosters, ops ...roster.Op) roster.Applied {
	t.Helper()
	a, err := r.Apply(t.Context(), "r", "x", ops, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
