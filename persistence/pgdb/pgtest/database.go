package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/proctest"
)

// Database makes an empty database of the test's own, which is dropped at its end, and returns its URL as superuser.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%016x", rand.Uint64())
	s.Exec(t, "create database "+name)
	if s.shared {
		t.Cleanup(func() { s.Exec(t, "drop database if exists "+name+" with (force)") })
	}
	return s.url(name)
}

// Exec runs a statement in the database postgres, as superuser.
func (s *Server) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	Exec(t, s.URL(), sql, args...)
}

// Exec runs a statement in the database of the URL. Without arguments it may be several statements.
func Exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
}

// KillClients ends all connections of clients.
func (s *Server) KillClients(t testing.TB) {
	t.Helper()
	s.Exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`)
}

// Open opens a database, whose URL takes the place of cfg.URL, migrates it, and closes it with the test.
func Open(t testing.TB, url string, cfg pgdb.Config) *pgdb.DB {
	t.Helper()
	cfg.URL = url
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := pgdb.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return db
}

// A Proxy stands between clients and a server and breaks their connections in the ways that networks do. Its
// methods may be called from any goroutine.
type Proxy struct{ *proctest.Proxy }

// StartProxy starts a proxy to a server's address, which ends with the test.
func StartProxy(t testing.TB, addr string) *Proxy {
	t.Helper()
	return &Proxy{proctest.StartProxy(t, addr)}
}

// URL is that of a database with the proxy in place of the server.
func (p *Proxy) URL(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic("pgtest: proxy: not a URL of Database") // it comes from this package
	}
	u.Host = p.Addr()
	return u.String()
}

// Eventually calls ok every few milliseconds until it returns nil, and fails the test with its last error if
// that takes longer than within.
func Eventually(t testing.TB, within time.Duration, what string, ok func() error) {
	t.Helper()
	proctest.Eventually(t, within, what, ok)
}
