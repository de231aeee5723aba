package pgdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

const soon = 20 * time.Second

// failure is an error of a real server, and what it is to mean.
type failure struct {
	make     func(t *testing.T) error
	code     string
	reason   string // "error" with answered: nothing is wrong with the server
	answered bool
}

func TestAnsweredAndReason(t *testing.T) {
	t.Parallel()
	query := func(sql string) func(t *testing.T) error {
		return func(t *testing.T) error {
			db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{Timeout: time.Second})
			return run(t.Context(), db, sql)
		}
	}
	for name, c := range map[string]failure{
		"syntax":           {query("selec 1"), "42601", "error", true},
		"unique":           {query("create temp table a (x int primary key); insert into a values (1), (1)"), "23505", "error", true},
		"raised":           {query("do $$ begin raise exception 'no'; end $$"), "P0001", "error", true},
		"no rows":          {noRows, "", "error", true},
		"the caller's own": {ownError, "", "error", true},
		"the caller left":  {callerLeft, "", "error", false},
		"statement":        {query("select pg_sleep(60)"), "57014", "timeout", false},
		"lock":             {locked, "55P03", "timeout", false},
		"terminated":       {query("select pg_terminate_backend(pg_backend_pid())"), "57P01", "lost", false},
		"read only":        {query("begin read only; create table a (x int)"), "25006", "readonly", false},
		"full disk":        {fullDisk, "53100", "full", false},
		"no server":        {noServer, "", "refused", false},
		"killed":           {killed, "", "lost", false},
		"password":         {connecting(func(url string) string { return strings.Replace(url, pgtest.Password, "wr0ng", 1) }), "28P01", "refused", false},
		"no database":      {connecting(func(url string) string { return strings.Replace(url, "/test_", "/not_", 1) }), "3D000", "refused", false},
		"no more":          {tooMany, "53300", "refused", false},
		"stops":            {stopping, "57P03", "loading", false},
		"no such host":     {connecting(func(string) string { return "postgres://u:s3cret@no-such-host.invalid/a" }), "", "refused", false},
		"standby":          {onStandby, "", "error", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.make(t)
			if err == nil || pgdb.Code(err) != c.code || pgdb.Reason(err) != c.reason || pgdb.Answered(err) != c.answered {
				t.Errorf("%v: code %q, reason %q, answered %t; want %q, %q, %t", err, pgdb.Code(err), pgdb.Reason(err), pgdb.Answered(err), c.code, c.reason, c.answered)
			}
			for _, secret := range []string{pgtest.Password, "wr0ng", "s3cret"} {
				if strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("it shows the password: %v", err)
				}
			}
			if timeout := c.reason == "timeout"; errors.Is(err, pgdb.ErrTimeout) != timeout || errors.Is(err, context.DeadlineExceeded) != timeout {
				t.Errorf("is it a timeout? %v", err)
			}
		})
	}
	if pgdb.Answered(nil) {
		t.Error("no error is an answer")
	}
}

func noRows(t *testing.T) error {
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	return db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		var n int
		return q.QueryRow(ctx, "select 1 where false").Scan(&n)
	})
}

func ownError(t *testing.T) error {
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	mine := errors.New("mine")
	err := db.Tx(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		if _, err := q.Exec(ctx, "create table a (x int)"); err != nil {
			t.Error(err)
		}
		return mine
	})
	if !errors.Is(err, mine) || one[bool](t, db, "select to_regclass('a') is not null") {
		t.Errorf("not rolled back, or another error: %v", err)
	}
	return err
}

func callerLeft(t *testing.T) error {
	db := open(t, pgtest.Shared(t).Database(t), pgdb.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := run(ctx, db, "select pg_sleep(1)")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	return err
}

func locked(t *testing.T) error {
	url := pgtest.Shared(t).Database(t)
	db := open(t, url, pgdb.Config{Timeout: time.Second})
	if err := run(t.Context(), db, "create table a (x int)"); err != nil {
		t.Fatal(err)
	}
	holder, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(t.Context())
	if _, err := holder.Exec(t.Context(), "begin; lock table a"); err != nil {
		t.Fatal(err)
	}
	return run(t.Context(), db, "insert into a values (1)")
}

func fullDisk(t *testing.T) error {
	s := pgtest.TinyDisk(t)
	db := open(t, s.Database(t), pgdb.Config{})
	if err := run(t.Context(), db, "create table a (x text)"); err != nil {
		t.Fatal(err)
	}
	s.FillDisk(t)
	failed := run(t.Context(), db, "insert into a select repeat('x', 1000) from generate_series(1, 1000)")
	s.FreeDisk(t)
	if err := run(t.Context(), db, "insert into a select repeat('x', 1000) from generate_series(1, 1000)"); err != nil {
		t.Errorf("after there is room: %v", err)
	}
	return failed
}

func noServer(t *testing.T) error {
	s := pgtest.Start(t)
	db := open(t, s.URL(), pgdb.Config{})
	s.Stop(t)
	return db.Ping(t.Context())
}

func killed(t *testing.T) error {
	s := pgtest.Start(t)
	db := open(t, s.URL(), pgdb.Config{Timeout: 10 * time.Second})
	return db.Run(t.Context(), func(ctx context.Context, q pgdb.Querier) error {
		s.Kill()
		_, err := q.Exec(ctx, "select 1")
		return err
	})
}

// connecting opens a URL that is wrong, and shows what Open says.
func connecting(wrong func(url string) string) func(t *testing.T) error {
	return func(t *testing.T) error {
		db, err := pgdb.Open(t.Context(), pgdb.Config{URL: wrong(pgtest.Shared(t).Database(t)), Timeout: 5 * time.Second})
		if err == nil {
			_ = db.Close()
		}
		return err
	}
}

func tooMany(t *testing.T) error {
	s := pgtest.Start(t, "max_connections=8", "superuser_reserved_connections=0", "max_wal_senders=0")
	db := open(t, s.URL(), pgdb.Config{MaxConns: 1})
	for range 20 {
		conn, err := pgx.Connect(t.Context(), s.URL())
		if err != nil {
			break
		}
		defer conn.Close(t.Context())
	}
	conn, err := db.Connect(t.Context(), "one too many")
	if err == nil {
		_ = conn.Close(t.Context())
	}
	return err
}

// stopping has a server wait for a client before it stops, and take no others.
func stopping(t *testing.T) error {
	s := pgtest.Start(t)
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, soon, "it stops", func() error {
		if _, err = pgdb.Open(t.Context(), pgdb.Config{URL: s.URL()}); pgdb.Code(err) != "57P03" {
			return fmt.Errorf("open: %w", err)
		}
		return nil
	})
	if !strings.Contains(err.Error(), "try again soon") {
		t.Errorf("no hint: %v", err)
	}
	return err
}

func onStandby(t *testing.T) error {
	_, err := pgdb.Open(t.Context(), pgdb.Config{URL: pgtest.Standby(t).URL()})
	if !strings.Contains(fmt.Sprint(err), "standby, which takes no writes") {
		t.Errorf("open: %v", err)
	}
	return err
}
