package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// An ear keeps what a Listener tells, in order.
type ear struct {
	mu   sync.Mutex
	told []told
}

// told is one of a payload, the begin of a session, and its end.
type told struct {
	payload string
	since   time.Time
	lost    error
	kind    string // "received", "listening", "lost"
	at      time.Time
}

func (e *ear) add(t told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.at = time.Now()
	e.told = append(e.told, t)
}

func (e *ear) config(c pgdb.ListenConfig) pgdb.ListenConfig {
	c.Received = func(n pgdb.Notification) { e.add(told{kind: "received", payload: n.Payload}) }
	c.Listening = func(since time.Time) { e.add(told{kind: "listening", since: since}) }
	c.Lost = func(err error) { e.add(told{kind: "lost", lost: err}) }
	return c
}

func (e *ear) of(kind string) (all []told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.told {
		if t.kind == kind {
			all = append(all, t)
		}
	}
	return all
}

func (e *ear) received() (all []string) {
	for _, t := range e.of("received") {
		all = append(all, t.payload)
	}
	return all
}

// waitFor waits for so many of a kind.
func (e *ear) waitFor(t *testing.T, n int, kind string) {
	t.Helper()
	pgtest.Eventually(t, soon, fmt.Sprint(n, " times ", kind), func() error {
		if have := len(e.of(kind)); have < n {
			return fmt.Errorf("%d times", have)
		}
		return nil
	})
}

func listen(t *testing.T, db *pgdb.DB, c pgdb.ListenConfig) (*ear, *pgdb.Listener) {
	t.Helper()
	e := &ear{}
	c.Role = "ear"
	if c.Channels == nil {
		c.Channels = []string{"c"}
	}
	l := db.Listen(e.config(c))
	t.Cleanup(l.Close)
	return e, l
}

func notify(t *testing.T, url, channel, payload string) {
	t.Helper()
	pgtest.Exec(t, url, "select pg_notify($1, $2)", channel, payload)
}

func TestListen(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	db := open(t, url, pgdb.Config{})
	e, l := listen(t, db, pgdb.ListenConfig{Channels: []string{"a", `odd "name; drop`}})
	<-l.First()
	notify(t, url, "a", "1")
	notify(t, url, "b", "not heard")
	notify(t, url, `odd "name; drop`, "2")
	e.waitFor(t, 2, "received")
	if got := e.received(); got[0] != "1" || got[1] != "2" {
		t.Errorf("received %q", got)
	}
	if first := e.of("listening"); len(first) != 1 || !first[0].since.IsZero() || e.told[0].kind != "listening" {
		t.Errorf("told %+v", e.told)
	}
	if n := one[int](t, db, "select count(*) from pg_stat_activity where application_name = 'troupe - ear' and datname = current_database()"); n != 1 {
		t.Errorf("%d connections are named so", n)
	}
	l.Close()
	l.Close()
}

// Notifications come in order, and none is lost while the connection stands, also while it is asked whether it lives.
func TestNotificationsInOrder(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t).URL()
	db := open(t, url, pgdb.Config{Timeout: 20 * time.Second})
	const count = 60_000
	var mu sync.Mutex
	next, wrong := 0, ""
	l := db.Listen(pgdb.ListenConfig{Role: "ear", Channels: []string{"c"}, Keepalive: 2 * time.Millisecond, // asked all the time
		Received: func(n pgdb.Notification) {
			mu.Lock()
			defer mu.Unlock()
			if n.Payload != strconv.Itoa(next) && wrong == "" {
				wrong = fmt.Sprintf("received %s, want %d", n.Payload, next)
			}
			next++
		},
		Lost: func(err error) { t.Errorf("lost: %v", err) }})
	defer l.Close()
	<-l.First()
	began := time.Now()
	for from := 0; from < count; from += 1000 {
		err := run(t.Context(), db, "select pg_notify('c', n::text) from generate_series($1::int, $2::int) n", from, from+999)
		if err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Eventually(t, soon, "all have come", func() error {
		mu.Lock()
		defer mu.Unlock()
		if next < count && wrong == "" {
			return fmt.Errorf("%d", next)
		}
		return nil
	})
	if wrong != "" {
		t.Error(wrong)
	}
	t.Logf("%.0f/s", count/time.Since(began).Seconds())
}

// Each session begins with Listening, once, before what comes in it; since is not after what was lost.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	db := open(t, url, pgdb.Config{Timeout: 5 * time.Second})
	e, l := listen(t, db, pgdb.ListenConfig{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond, Keepalive: 100 * time.Millisecond})
	<-l.First()
	sent := map[string]span{} // when it was committed
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := pgx.Connect(ctx, url)
		for i := 0; ctx.Err() == nil; i++ {
			if err != nil || conn.IsClosed() {
				conn, err = pgx.Connect(ctx, url)
				continue
			}
			began := time.Now()
			if _, err := conn.Exec(ctx, "select pg_notify('c', $1)", strconv.Itoa(i)); err == nil {
				sent[strconv.Itoa(i)] = span{began, time.Now()}
			}
		}
		if conn != nil {
			_ = conn.Close(t.Context())
		}
	})
	for i := range 15 {
		e.waitFor(t, i+1, "listening")
		pgtest.Exec(t, url, "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% ear'")
		e.waitFor(t, i+1, "lost")
	}
	e.waitFor(t, 16, "listening")
	cancel()
	wg.Wait()
	notify(t, url, "c", "end")
	pgtest.Eventually(t, soon, "the end comes", func() error {
		if all := e.received(); all[len(all)-1] != "end" {
			return errors.New("not yet")
		}
		return nil
	})
	l.Close()
	checkSessions(t, e.told, sent)
}

type span struct{ from, to time.Time }

func checkSessions(t *testing.T, all []told, sent map[string]span) {
	t.Helper()
	var gaps []span
	listens, last := false, -1
	for i, a := range all {
		switch a.kind {
		case "listening":
			if listens {
				t.Errorf("%d: twice in a session", i)
			}
			listens = true
			gaps = append(gaps, span{a.since, a.at})
		case "lost":
			listens = false
		case "received":
			n, _ := strconv.Atoi(a.payload)
			if a.payload != "end" && n <= last {
				t.Errorf("%d came after %d", n, last)
			}
			if last = n; !listens {
				t.Errorf("%d came outside of a session", n)
			}
			delete(sent, a.payload)
		}
	}
	missing := 0
	for payload, s := range sent {
		missing++
		told := false
		for _, g := range gaps {
			told = told || !s.to.Before(g.from) && !s.from.After(g.to)
		}
		if !told {
			t.Errorf("%s was lost, and no gap was told that has its time", payload)
		}
	}
	t.Logf("%d sessions, %d were lost, all told", len(gaps), missing)
}

func TestHalfOpenIsNoticed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	p := pgtest.StartProxy(t, s.Addr())
	db := open(t, p.URL(url), pgdb.Config{Timeout: 500 * time.Millisecond})
	e, l := listen(t, db, pgdb.ListenConfig{Keepalive: 300 * time.Millisecond, MinWait: 10 * time.Millisecond, MaxWait: 200 * time.Millisecond})
	<-l.First()
	p.Hang()
	began := time.Now()
	notify(t, url, "c", "lost")
	e.waitFor(t, 1, "lost")
	if took := time.Since(began); took > 800*time.Millisecond+slack {
		t.Errorf("noticed after %v", took)
	}
	p.Cut() // what was on its way is gone
	p.Heal(t)
	e.waitFor(t, 2, "listening")
	if since := e.of("listening")[1].since; since.IsZero() || since.After(began) {
		t.Errorf("since is %v after it began to hang", since.Sub(began))
	}
	notify(t, url, "c", "heard")
	e.waitFor(t, 1, "received")
	if got := e.received(); got[len(got)-1] != "heard" {
		t.Errorf("received %q", got)
	}
}

// While there is no server tries are not more frequent than MinWait and MaxWait say, and go on.
func TestReconnectIsBounded(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	db := open(t, s.URL(), pgdb.Config{})
	s.Stop(t)
	e, l := listen(t, db, pgdb.ListenConfig{MinWait: 20 * time.Millisecond, MaxWait: 100 * time.Millisecond})
	e.waitFor(t, 20, "lost")
	tries := e.of("lost")
	took := tries[19].at.Sub(tries[0].at)
	if took < 19*10*time.Millisecond {
		t.Errorf("20 tries within %v", took)
	}
	for i := range tries[1:] {
		if wait := tries[i+1].at.Sub(tries[i].at); wait > 100*time.Millisecond+slack {
			t.Errorf("a wait of %v", wait)
		}
	}
	if pgdb.Reason(tries[0].lost) != "refused" || strings.Contains(tries[0].lost.Error(), pgtest.Password) {
		t.Errorf("lost: %v", tries[0].lost)
	}
	s.Run(t)
	<-l.First()
	if since := e.of("listening")[0].since; !since.IsZero() {
		t.Errorf("since %v, though it never listened before", since)
	}
}
