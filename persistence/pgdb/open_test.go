package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number            int
		version, encoding string
		want              string
	}{
		{130022, "13.22", "UTF8", "Postgres 14 or newer is needed, and this is 13.22"},
		{90624, "9.6.24", "UTF8", "this is 9.6.24"},
		{140000, "14.0", "UTF8", ""},
		{180001, "18.1", "UTF8", ""},
		{150004, "15.4", "LATIN1", "has the encoding LATIN1"},
	} {
		err := pgdb.Served(c.number, c.version, c.encoding)
		if _, old := errors.AsType[*pgdb.VersionError](err); c.want == "" && err != nil || !strings.Contains(fmt.Sprint(err), c.want) && c.want != "" || old != (c.number < 140000) {
			t.Errorf("%s %s: %v, want %q", c.version, c.encoding, err, c.want)
		}
	}
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	s.Exec(t, "create database latin template template0 encoding latin1")
	t.Cleanup(func() { s.Exec(t, "drop database latin with (force)") })
	_, err := pgdb.Open(t.Context(), pgdb.Config{URL: strings.Replace(s.URL(), "/postgres?", "/latin?", 1)})
	if !strings.Contains(fmt.Sprint(err), "has the encoding LATIN1, and UTF8 is needed") {
		t.Error(err)
	}
}

// What Open fails with says what to look at.
func TestHints(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() })
	closed := pgtest.StartProxy(t, "127.0.0.1:1")
	closed.Refuse()
	for name, c := range map[string]struct{ url, want string }{
		"password":     {strings.Replace(url, pgtest.Password, "wr0ng", 1), "user or password is wrong"},
		"user":         {strings.Replace(url, "postgres:"+pgtest.Password, "somebody:wr0ng", 1), "user or password is wrong"},
		"database":     {strings.Replace(url, "/test_", "/not_", 1), "createdb"},
		"host":         {"postgres://no-such-host.invalid/a", "is the name right?"},
		"nobody":       {"postgres://" + closed.Addr() + "/a?sslmode=disable", "is Postgres running at " + closed.Addr() + "?"},
		"deaf":         {"postgres://" + deaf.Addr().String() + "/a?sslmode=disable", "nothing answers at " + deaf.Addr().String()},
		"tls":          {strings.Replace(url, "sslmode=disable", "sslmode=require", 1), "TLS failed"},
		"parameter":    {url + "&no_such_setting=1", "parameter of the URL"},
		"its value":    {url + "&work_mem=much", "parameter of the URL"},
		"two, neither": {"postgres://" + closed.Addr() + "," + closed.Addr() + "/a?sslmode=disable", "is Postgres running at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			db, err := pgdb.Open(t.Context(), pgdb.Config{URL: c.url, Timeout: 3 * time.Second})
			if err == nil {
				_ = db.Close()
			}
			if text := fmt.Sprint(err); !strings.Contains(text, c.want) || strings.Contains(text, pgtest.Password) || strings.Contains(text, "wr0ng") || strings.Contains(text, "\n") {
				t.Errorf("%v\nwant %q", err, c.want)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestOpenNamesItself(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	db := open(t, url, pgdb.Config{Node: "n1", Timeout: 3 * time.Second})
	if name := one[string](t, db, "show application_name"); name != "troupe n1" {
		t.Errorf("application_name %q", name)
	}
	conn, err := db.Connect(t.Context(), "outbox")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var name, patience, zone string
	if err := conn.QueryRow(t.Context(), "select current_setting('application_name'), current_setting('statement_timeout'), current_setting('timezone')").Scan(&name, &patience, &zone); err != nil ||
		name != "troupe n1 outbox" || patience != "2700ms" || zone != "UTC" {
		t.Errorf("%q, %q, %q, %v", name, patience, zone, err)
	}
	if !strings.Contains(url, db.Addr()) || db.Timeout() != 3*time.Second || db.FrameChannel() != "troupe_frames" {
		t.Errorf("%s, %v, %s", db.Addr(), db.Timeout(), db.FrameChannel())
	}
}

// Of several servers the one that takes writes is used, also after another one has become that.
func TestSeveralServers(t *testing.T) {
	t.Parallel()
	standby, primary := pgtest.Standby(t), pgtest.Start(t)
	url := strings.Replace(standby.URL(), standby.Addr(), standby.Addr()+","+primary.Addr(), 1)
	db := open(t, url, pgdb.Config{MaxConns: 4})
	if one[bool](t, db, "select pg_is_in_recovery()") {
		t.Fatal("it uses the standby")
	}
	pgtest.Exec(t, primary.URL(), "alter system set default_transaction_read_only = on; ")
	primary.Exec(t, "select pg_reload_conf()")
	standby.Promote(t)
	if err := run(t.Context(), db, "create table a (x int)"); err != nil {
		t.Logf("at first: %v", err)
	}
	pgtest.Eventually(t, soon, "it uses what takes writes now", func() error { return run(t.Context(), db, "create table if not exists a (x int)") })
	primary.Stop(t)
	if err := run(t.Context(), db, "insert into a values (1)"); err != nil {
		t.Errorf("the other one is gone: %v", err)
	}
	standby.Stop(t)
	primary.Run(t)
	primary.Exec(t, "alter system reset default_transaction_read_only")
	primary.Exec(t, "select pg_reload_conf()")
	pgtest.Eventually(t, soon, "it uses the first again", func() error { return run(t.Context(), db, "create table if not exists a (x int)") })
}

// A server that takes connections and says nothing leaves time for the next.
func TestFirstServerHangs(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	p := pgtest.StartProxy(t, s.Addr())
	p.Hang()
	url := strings.Replace(s.Database(t), s.Addr(), p.Addr()+","+s.Addr(), 1)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, Timeout: 6 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	db := open(t, s.URL(), pgdb.Config{})
	under := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
			close(under)
			_, err := q.Exec(ctx, "select pg_sleep(0.2)")
			return err
		})
	}()
	<-under
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, pgdb.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := db.Connect(t.Context(), "x"); !errors.Is(err, pgdb.ErrClosed) {
		t.Errorf("Connect after Close: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{Registerer: reg, Timeout: time.Second})
	_ = db.Ping(t.Context())
	_ = run(t.Context(), db, "selec")
	_ = run(t.Context(), db, "select pg_sleep(10)")
	want := `
# HELP troupe_postgres_calls_total Calls, by outcome: ok, denied (an error of the server), failed (no answer), timeout, canceled (by the caller), refused (by the breaker).
# TYPE troupe_postgres_calls_total counter
troupe_postgres_calls_total{outcome="canceled"} 0
troupe_postgres_calls_total{outcome="denied"} 1
troupe_postgres_calls_total{outcome="failed"} 0
troupe_postgres_calls_total{outcome="ok"} 1
troupe_postgres_calls_total{outcome="refused"} 0
troupe_postgres_calls_total{outcome="timeout"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_postgres_calls_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
