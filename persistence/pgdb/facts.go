package pgdb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Facts are what somebody wants to know of a database who looks after it.
type Facts struct {
	Version   string // of the server, such as "15.4"
	Major     int
	Encoding  string
	Database  string
	User      string
	Superuser bool
	Clock     time.Time // of the server

	SchemaExists      bool
	CreateInDatabase  bool // the user may create schemas
	CreateInSchema    bool // the user may create tables in the schema; false where it does not exist
	InRecovery        bool // a standby, which takes no writes
	ReadOnly          bool // transactions are read only unless they say otherwise
	SynchronousCommit string
	Fsync             bool

	MaxConnections      int // that the server takes, for all databases
	ReservedConnections int // of them, for superusers
	Connections         int // that there are
	Ours                int // of them, of nodes: those that this package has named

	NotifyQueue       float64       // how full the queue of notifications is, 0 to 1
	OldestTransaction time.Duration // of all databases; while it runs neither rows nor notifications before it can be cleaned up

	// OneSession is false if a session's two transactions ran on two connections of the server: a pooler in transaction mode is
	// between, with which neither LISTEN nor advisory locks work.
	OneSession bool

	Slots  []Slot // that hold back what the server would remove; those in order are not listed
	Tables []Table
}

// A Slot is a replication slot that is inactive, or lags.
type Slot struct {
	Name     string
	Active   bool
	Retained int64 // bytes of WAL that the server keeps for it
}

// A Table is one of the schema.
type Table struct {
	Name       string
	Bytes      int64     // with its indexes
	Live, Dead int64     // rows, as the server estimates
	Vacuumed   time.Time // last; zero: never
}

// DeadRatio is the dead rows' share of all, 0 to 1.
func (t Table) DeadRatio() float64 {
	if t.Live+t.Dead == 0 {
		return 0
	}
	return float64(t.Dead) / float64(t.Live+t.Dead)
}

// Lagging is from how many bytes on an active replication slot is listed in Facts.
const Lagging = 256 << 20

// Facts asks the server. Where the user may not see something it is zero.
func (db *DB) Facts(ctx context.Context) (Facts, error) {
	var f Facts
	err := db.Run(ctx, func(ctx context.Context, q Querier) error {
		for _, ask := range []func(context.Context, Querier, *Facts) error{db.whatItIs, db.whatItAllows, db.whatItBears, db.slots, db.tables} {
			if err := ask(ctx, q, &f); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		f.OneSession, err = db.oneSession(ctx)
	}
	if err != nil {
		return f, fmt.Errorf("pgdb: facts: %w", err)
	}
	return f, nil
}

func (db *DB) whatItIs(ctx context.Context, q Querier, f *Facts) error {
	var number int
	err := q.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
		current_database(), current_user, coalesce((select rolsuper from pg_roles where rolname = current_user), false), clock_timestamp(),
		pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool, current_setting('synchronous_commit'), current_setting('fsync')::bool`).
		Scan(&number, &f.Version, &f.Encoding, &f.Database, &f.User, &f.Superuser, &f.Clock, &f.InRecovery, &f.ReadOnly, &f.SynchronousCommit, &f.Fsync)
	f.Major = number / 10000
	return err
}

func (db *DB) whatItAllows(ctx context.Context, q Querier, f *Facts) error {
	return q.QueryRow(ctx, `select to_regnamespace($1) is not null, has_database_privilege(current_database(), 'create'),
		coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'create'), false),
		current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0)`,
		db.schema).Scan(&f.SchemaExists, &f.CreateInDatabase, &f.CreateInSchema, &f.MaxConnections, &f.ReservedConnections)
}

func (db *DB) whatItBears(ctx context.Context, q Querier, f *Facts) error {
	var seconds float64
	err := q.QueryRow(ctx, `select count(*) filter (where backend_type = 'client backend'),
		count(*) filter (where backend_type = 'client backend' and application_name like 'troupe %'),
		case when pg_is_in_recovery() then 0 else pg_notification_queue_usage() end,
		coalesce(extract(epoch from clock_timestamp() - min(xact_start) filter (where backend_type = 'client backend')), 0)::float8
		from pg_stat_activity`).Scan(&f.Connections, &f.Ours, &f.NotifyQueue, &seconds)
	f.OldestTransaction = time.Duration(seconds * float64(time.Second))
	return err
}

func (db *DB) slots(ctx context.Context, q Querier, f *Facts) error {
	rows, err := q.Query(ctx, `select slot_name, active, bytes from (
			select slot_name, active, coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0)::int8 as bytes
			from pg_replication_slots) s
		where not active or bytes > $1 order by bytes desc limit 20`, int64(Lagging))
	if err != nil {
		return err
	}
	f.Slots, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Slot])
	return err
}

func (db *DB) tables(ctx context.Context, q Querier, f *Facts) error {
	rows, err := q.Query(ctx, `select relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup, greatest(last_vacuum, last_autovacuum)
		from pg_stat_user_tables where schemaname = $1 order by relname limit 100`, db.plain)
	if err != nil {
		return err
	}
	var t Table
	var vacuumed *time.Time
	f.Tables = nil
	_, err = pgx.ForEachRow(rows, []any{&t.Name, &t.Bytes, &t.Live, &t.Dead, &vacuumed}, func() error {
		t.Vacuumed = time.Time{}
		if vacuumed != nil {
			t.Vacuumed = *vacuumed
		}
		f.Tables = append(f.Tables, t)
		return nil
	})
	return err
}

// oneSession looks whether a session stays with its process of the server while another one has a transaction.
func (db *DB) oneSession(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	var conns [2]*pgx.Conn
	for i := range conns {
		conn, err := db.Connect(ctx, "facts")
		if err != nil {
			return false, err
		}
		defer conn.Close(ctx)
		conns[i] = conn
	}
	var first, other, again uint32
	pid := func(conn *pgx.Conn, is *uint32) error { // no prepared statement, which a pooler might lose
		return conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(is)
	}
	if err := pid(conns[0], &first); err != nil {
		return false, err
	}
	if _, err := conns[1].Exec(ctx, "begin"); err != nil {
		return false, err
	}
	if err := pid(conns[1], &other); err != nil {
		return false, err
	}
	err := pid(conns[0], &again)
	return first == again && first != other, err
}
