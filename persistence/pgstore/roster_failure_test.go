package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// A server that was stopped has everything again; one that was killed has nothing, and what comes then is of
// another epoch.
func TestRosterRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	r := NewRosters(pgtest.Open(t, server.Database(t), pgdb.Config{}))
	first := applyOps(t, r, showing("ann", "1"))
	if err := errors.Join(r.Close(t.Context(), "closed", time.Hour), r.Bury(t.Context(), "dead")); err != nil {
		t.Fatal(err)
	}
	back := func() {
		pgtest.Eventually(t, 20*time.Second, "the server is back", func() error { _, err := r.Check(t.Context(), "r"); return err })
	}
	server.Stop(t)
	if _, err := r.Load(t.Context(), "r"); err == nil || pgdb.Answered(err) {
		t.Errorf("of a server that is not there: %v", err)
	}
	server.Run(t)
	back()
	if n := wantMembers(t, r, "r", "ann=1"); n.Epoch != first.Epoch || n.Version != 1 {
		t.Errorf("%+v after %+v", n, first)
	}
	if s, err := r.Check(t.Context(), "closed"); err != nil || !s.Closed {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := r.Apply(t.Context(), "r", "dead", []roster.Op{showing("k", "1")}, 0); !errors.Is(err, roster.ErrBuried) {
		t.Errorf("the dead: %v", err)
	}

	server.Kill()
	server.Run(t)
	back()
	if n := wantMembers(t, r, "r", ""); n.Epoch != "" || n.Version != 0 {
		t.Errorf("a killed server has %+v", n)
	}
	if a := applyOps(t, r, showing("ann", "2")); a.Epoch == first.Epoch || a.Version != 1 || a.Count != 1 {
		t.Errorf("%+v follows %+v", a, first)
	}
	wantMembers(t, r, "r", "ann=2")
}

// A Bury that fails anywhere is made good by the next, and nobody's leave is told twice.
func TestRosterBuryThroughFailures(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	db := pgtest.Open(t, url, pgdb.Config{Timeout: 10 * time.Second})
	r, bus := NewRosters(db), startBus(t, db)
	proxy := pgtest.StartProxy(t, server.Addr())
	shaky := NewRosters(pgtest.Open(t, proxy.URL(url), pgdb.Config{Timeout: 5 * time.Second}))
	const rooms, members = 8, 1100
	ears := make([]heard, rooms)
	for room := range rooms {
		name := fmt.Sprint("r", room)
		for n := 0; n < members; n += members / 2 {
			if _, err := r.Apply(t.Context(), name, "x", joins(n, members/2), 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := (fresh{bus}).Follow(t.Context(), name, &ears[room]); err != nil {
			t.Fatal(err)
		}
	}
	failed := 0
	for err := errors.New("not yet"); err != nil && failed < 100; failed++ {
		if failed < 8 {
			proxy.LoseAnswer()
		}
		err = shaky.Bury(t.Context(), "x")
	}
	if failed < 4 {
		t.Errorf("Bury failed %d times", failed-1)
	}
	for room := range rooms {
		name := fmt.Sprint("r", room)
		n := wantMembers(t, r, name, "")
		pgtest.Eventually(t, 10*time.Second, "all versions are told", func() error {
			if got := len(ears[room].all()); uint64(got) < n.Version-2 {
				return fmt.Errorf("%d of %d", got, n.Version-2)
			}
			return nil
		})
		told := make(map[string]int)
		for i, frame := range ears[room].all() {
			head, rest, _ := bytes.Cut(frame, []byte("\n"))
			if want := fmt.Sprintf("R %s %d ", n.Epoch, 3+i); !strings.HasPrefix(string(head), want) {
				t.Errorf("%s instead of %s", head, want)
			}
			for _, part := range strings.FieldsFunc(string(rest), func(c rune) bool { return c == '-' || c == '\n' }) {
				if strings.HasPrefix(part, "u") { // a key; the others are lengths
					told[part]++
				}
			}
		}
		for key, n := range told {
			if n != 1 {
				t.Errorf("%s left %s %d times", key, name, n)
			}
		}
		if len(told) != members {
			t.Errorf("%d left %s, want %d", len(told), name, members)
		}
	}
}

// Connections end every few milliseconds: what is relayed are the versions, each once and in order, and they lead to
// what is kept.
func TestRosterVersionsThroughFailures(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	url := server.Database(t)
	db := pgtest.Open(t, url, pgdb.Config{Timeout: 10 * time.Second})
	r, bus := NewRosters(db), startBus(t, db)
	var h heard
	if err := (fresh{bus}).Follow(t.Context(), "lobby", &h); err != nil {
		t.Fatal(err)
	}
	proxies, sitters := seatIn(t, server, url, 10*time.Second)
	disturb(t, server, proxies, func(_ *testing.T, _ *pgtest.Server, proxies []*pgtest.Proxy, i int) {
		if i%4 == 0 {
			proxies[i/4%len(proxies)].LoseAnswer()
		}
	}, func() { play(sitters, 60) })
	n, err := r.Load(t.Context(), "lobby")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 10*time.Second, "all versions are told", func() error {
		if got := len(h.all()); uint64(got) < n.Version {
			return fmt.Errorf("%d of %d", got, n.Version)
		}
		return nil
	})
	for i, frame := range h.all() {
		if want := fmt.Sprintf("R %s %d ", n.Epoch, i+1); !bytes.HasPrefix(frame, []byte(want)) {
			t.Fatalf("%.40q instead of %s", frame, want)
		}
	}
}

// A roster whose row somebody holds is waited for no longer than the DB's timeout, and keeps nobody from others.
func TestRosterHeld(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	short := NewRosters(pgtest.Open(t, url, pgdb.Config{Timeout: 300 * time.Millisecond}))
	applyOps(t, r, showing("ann", "1"))
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- pgtest.Open(t, url, pgdb.Config{Timeout: 20 * time.Second}).Tx(context.Background(), func(ctx context.Context, q pgdb.Querier) error {
			_, err := q.Exec(ctx, r.db.SQL(`select from {schema}.rosters where name = 'r' for update`))
			close(began)
			<-end
			return err
		})
	}()
	<-began
	if a, err := short.Apply(t.Context(), "r", "x", []roster.Op{showing("bob", "1")}, 0); err == nil || pgdb.Reason(err) != "timeout" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := r.Apply(t.Context(), "s", "x", []roster.Op{showing("bob", "1")}, 0); err != nil {
		t.Error(err)
	}
	wantMembers(t, r, "r", "ann=1")
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantMembers(t, r, "r", "ann=1")
}

// While the breaker is open calls fail at once.
func TestRosterBreakerOpen(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	system := actors.NewSystem(actors.Config{})
	t.Cleanup(func() { _ = system.Close(context.Background()) })
	b, err := breaker.New(system, breaker.Options{Backend: "postgres", FailureThreshold: 1, Answered: pgdb.Answered, Reason: pgdb.Reason})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRosters(pgtest.Open(t, server.Database(t), pgdb.Config{Breaker: b, Timeout: time.Second}))
	server.Stop(t)
	pgtest.Eventually(t, 20*time.Second, "the breaker is open", func() error {
		if _, err := r.Load(t.Context(), "r"); !errors.Is(err, breaker.ErrOpen) {
			return fmt.Errorf("%w", err)
		}
		return nil
	})
	began := time.Now()
	text := "v"
	for name, call := range map[string]func() error{
		"Apply":  func() error { _, err := r.Apply(t.Context(), "r", "x", []roster.Op{showing("k", "1")}, 0); return err },
		"Check":  func() error { _, err := r.Check(t.Context(), "r"); return err },
		"Bury":   func() error { return r.Bury(t.Context(), "x", "r") },
		"Close":  func() error { return r.Close(t.Context(), "r", time.Hour) },
		"Reopen": func() error { return r.Reopen(t.Context(), "r") },
		"Notes":  func() error { _, err := r.Notes(t.Context(), "r"); return err },
		"Note":   func() error { return r.Note(t.Context(), "r", map[string]*string{"k": &text}) },
	} {
		if err := call(); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("that took %v", took)
	}
}

// No password is in an error.
func TestRosterErrorsHideThePassword(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	r := NewRosters(pgtest.Open(t, server.Database(t), pgdb.Config{Timeout: time.Second}))
	server.Stop(t)
	_, err := r.Load(t.Context(), "r")
	if err == nil || strings.Contains(err.Error(), pgtest.Password) || strings.Contains(err.Error(), url.QueryEscape(pgtest.Password)) {
		t.Errorf("%v", err)
	}
}
