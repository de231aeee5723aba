package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// PostgresOptions say which database to examine.
type PostgresOptions struct {
	URL    string
	Shown  string // the URL as it may be shown
	Schema string // of Troupe's tables
	Conns  int    // in the pool of a node
	Beside int    // connections of a node beside its pool
}

// Database is what was learned of one, before anybody judges.
type Database struct {
	pgdb.Facts
	FactsErr error // nil: the Facts are known

	Schema   string
	Conns    int
	Beside   int
	Steps    error    // what Check says of the schema
	Denied   []string // what of the schema this user may not use
	RightErr error    // nil: Denied is known
	Notify   error    // nil: what was notified came back
	RoundTrip
}

// ExaminePostgres connects, learns and judges. Its error means that nobody could be asked.
func ExaminePostgres(ctx context.Context, o PostgresOptions) (*Report, error) {
	report := &Report{Postgres: o.Shown}
	connecting, cancel := context.WithTimeout(ctx, 2*questionTimeout)
	defer cancel()
	db, err := pgdb.Open(connecting, pgdb.Config{URL: o.URL, Schema: o.Schema, Node: "doctor", Timeout: questionTimeout, MaxConns: 2})
	if old, ok := errors.AsType[*pgdb.VersionError](err); ok { // nothing else of it matters
		report.Findings = of(backendPostgres, checkServer(old.Have, 0))
		report.Verdict = worst(report.Findings)
		return report, nil
	}
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	defer db.Close()
	learned := learnPostgres(ctx, db, o)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	report.Findings = JudgePostgres(learned)
	report.Verdict = worst(report.Findings)
	return report, nil
}

func learnPostgres(ctx context.Context, db *pgdb.DB, o PostgresOptions) Database {
	d := Database{Schema: o.Schema, Conns: o.Conns, Beside: o.Beside}
	d.Facts, d.FactsErr = db.Facts(ctx)
	d.Steps = db.Check(ctx)
	d.Denied, d.RightErr = denied(ctx, db)
	d.Notify = notifySelf(ctx, db)
	d.RoundTrip = measure(func() (now time.Time, err error) {
		err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
			return q.QueryRow(ctx, `select clock_timestamp()`).Scan(&now)
		})
		return now, err
	})
	return d
}

// deniedSQL names what a node uses and this user may not: tables to read and write,
// functions to call, and the schema itself.
const deniedSQL = `
select c.relname from pg_class c where c.relnamespace = to_regnamespace($1) and not case
	when c.relkind = 'S' then has_sequence_privilege(c.oid, 'usage')
	when c.relname = 'migrations' then has_table_privilege(c.oid, 'select')
	when c.relkind in ('r', 'p') then has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
		and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')
	else true end
union all
select p.proname || '()' from pg_proc p where p.pronamespace = to_regnamespace($1) and not has_function_privilege(p.oid, 'execute')
union all
select 'schema ' || nspname from pg_namespace where oid = to_regnamespace($1) and not has_schema_privilege(oid, 'usage')
order by 1 limit 20`

func denied(ctx context.Context, db *pgdb.DB) (names []string, err error) {
	err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		names = nil
		rows, err := q.Query(ctx, deniedSQL, db.Schema())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			names = append(names, name)
		}
		return rows.Err()
	})
	return names, err
}

// listenTimeout is far more than a notification takes.
const listenTimeout = time.Second

// notifySelf listens on a channel of its own on one connection, notifies on another, and
// waits for what comes.
func notifySelf(ctx context.Context, db *pgdb.DB) error {
	conn, err := db.Connect(ctx, "doctor")
	if err != nil {
		return err
	}
	channel := "troupe_doctor_" + strings.ToLower(token())
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), questionTimeout)
		defer cancel()
		_ = conn.Close(ctx) // it is ours alone, and asked nothing more
	}()
	asking, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	if _, err := conn.Exec(asking, "listen "+channel); err != nil { // a name of letters and digits
		return err
	}
	err = db.Run(ctx, func(ctx context.Context, q pgdb.Querier) error {
		_, err := q.Exec(ctx, `select pg_notify($1, $2)`, channel, channel)
		return err
	})
	if err != nil {
		return err
	}
	waiting, done := context.WithTimeout(ctx, listenTimeout)
	defer done()
	n, err := conn.WaitForNotification(waiting)
	switch {
	case waiting.Err() != nil:
		return errNothingCame
	case err != nil:
		return err
	case n.Payload != channel:
		return errors.New("something else came")
	}
	return nil
}
