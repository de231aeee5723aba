package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
)

// A queue is the outbox as the leader sees it: over the one connection that holds the lock, so that who has lost it
// can change nothing. It belongs to one goroutine.
type queue struct {
	conn    *pgx.Conn
	db      *pgdb.DB
	channel string
	life    string
	within  time.Duration // for each call
}

// silentFor is how long a leader may say nothing until the server ends its connection, and with it the leadership.
const silentFor = 15 * time.Second

// readWithin is for readings that have to step over a lot that is not vacuumed.
const readWithin = 10 * time.Second

// openQueue takes a connection that is the queue's from here on.
func openQueue(ctx context.Context, db *pgdb.DB, conn *pgx.Conn, poll time.Duration) (*queue, error) {
	q := &queue{conn: conn, db: db, channel: "troupe_outbox_" + db.Schema(), within: max(db.Timeout(), readWithin)}
	ms := q.within.Milliseconds()
	// Others may lead soon after this host is gone, or this process stands still. Plans must not depend on what an empty queue
	// looked like. Reads in an order that an index has need no sort, and no hash.
	settings := fmt.Sprintf(`set statement_timeout = %d; set lock_timeout = %d; set idle_session_timeout = %d;
		set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set tcp_user_timeout = 10000;
		set default_transaction_isolation = 'read committed';
		set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off`, ms, ms, max(silentFor, 3*poll).Milliseconds())
	return q, q.call(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, settings)
		return err
	})
}

func (q *queue) call(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, q.within)
	defer cancel()
	return f(ctx)
}

// elect tries to become the leader, for as long as the connection lasts.
func (q *queue) elect(ctx context.Context) (won bool, err error) {
	err = q.call(ctx, func(ctx context.Context) error {
		return q.conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", q.db.LockKey("outbox")).Scan(&won)
	})
	return won, err
}

// begin is what a new leader does first.
func (q *queue) begin(ctx context.Context) error {
	return q.call(ctx, func(ctx context.Context) error {
		if _, err := q.conn.Exec(ctx, "listen "+pgx.Identifier{q.channel}.Sanitize()); err != nil {
			return err
		}
		return q.conn.QueryRow(ctx, q.db.SQL("update {schema}.outbox_state set asleep = false returning life")).Scan(&q.life)
	})
}

const (
	removeSQL = `delete from {schema}.outbox o using unnest($1::bigint[], $2::bigint[]) d(tx, id) where o.tx = d.tx and o.id = d.id`
	buriesSQL = `with d as (
			delete from {schema}.outbox o using unnest($1::bigint[], $2::bigint[], $3::text[]) d(tx, id, reason)
			where o.tx = d.tx and o.id = d.id returning o.id, o.topic, o.event, o.data, o.key, o.at, o.tries, d.reason)
		insert into {schema}.outbox_dead (id, topic, event, data, key, at, tries, reason)
		select id, topic, event, data, coalesce(key, $4 || id), at, tries + 1, reason from d order by id on conflict (id) do nothing`
	failedSQL = `update {schema}.outbox o set tries = o.tries + 1, reason = d.reason from unnest($1::bigint[], $2::bigint[], $3::text[]) d(tx, id, reason)
		where o.tx = d.tx and o.id = d.id`
	doneSQL = `delete from {schema}.outbox_tickets t where t.seq = any($1)
		and not exists (select from {schema}.outbox o where o.tx = t.tx and o.id between t.first and t.last)`
	readSQL = `select seq, tx, id, topic, event, data, key, tries, found from (
			select r.*, count(*) over () as found, row_number() over w as n, sum(octet_length(r.data)) over w as total from (
				select t.seq, o.tx, o.id, o.topic, o.event, o.data, o.key, o.tries
				from {schema}.outbox_tickets t cross join lateral (
					select * from {schema}.outbox o where o.tx = t.tx and o.id between t.first and t.last and o.topic <> all($2::text[])
					order by o.id limit $3) o
				where t.seq > $1 order by t.seq, o.id limit $3) r
			window w as (order by r.seq, r.id)) q
		where n = 1 or total <= $4 order by seq, id`
)

// turn writes down what was settled, and reads what comes next, in one transaction. Full tells that there may be more.
func (q *queue) turn(ctx context.Context, did []settled, from int64, but []string, limit, bytes int) (rows []row, full bool, err error) {
	b := &pgx.Batch{}
	q.write(b, did)
	there := 0 // of which some may be too large to come along
	b.Queue(q.db.SQL(readSQL), from, append([]string{}, but...), limit, bytes).Query(func(found pgx.Rows) error {
		var r row
		_, err := pgx.ForEachRow(found, []any{&r.seq, &r.tx, &r.id, &r.topic, &r.event, &r.data, &r.key, &r.tries, &there}, func() error {
			rows = append(rows, r)
			r.data, r.key = nil, nil
			return nil
		})
		return err
	})
	err = q.call(ctx, func(ctx context.Context) error { return q.conn.SendBatch(ctx, b).Close() })
	return rows, there >= limit || there > len(rows), err
}

// settle writes down what was settled.
func (q *queue) settle(ctx context.Context, did []settled) error {
	b := &pgx.Batch{}
	q.write(b, did)
	return q.call(ctx, func(ctx context.Context) error { return q.conn.SendBatch(ctx, b).Close() })
}

func (q *queue) write(b *pgx.Batch, did []settled) {
	var l [4]list
	seqs := make(map[int64]bool)
	for _, s := range did {
		l[s.verdict].add(s)
		if s.verdict == out || s.verdict == dead {
			seqs[s.seq] = true
		}
	}
	if g := l[out]; len(g.id) > 0 {
		b.Queue(q.db.SQL(removeSQL), g.tx, g.id)
	}
	if g := l[dead]; len(g.id) > 0 {
		b.Queue(q.db.SQL(buriesSQL), g.tx, g.id, g.reason, q.prefix())
	}
	if g := l[failed]; len(g.id) > 0 {
		b.Queue(q.db.SQL(failedSQL), g.tx, g.id, g.reason)
	}
	if len(seqs) > 0 {
		all := make([]int64, 0, len(seqs))
		for seq := range seqs {
			all = append(all, seq)
		}
		b.Queue(q.db.SQL(doneSQL), all)
	}
}

// A list is rows as statements are given them.
type list struct {
	tx, id []int64
	reason []string
}

func (l *list) add(s settled) {
	l.tx, l.id, l.reason = append(l.tx, s.tx), append(l.id, s.id), append(l.reason, printable(s.reason))
}

// prefix begins the id by which a topic knows a row that has no key.
func (q *queue) prefix() string { return "outbox:" + q.life + "-" }
