package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const maxReason = 500

// printable is a reason as Postgres takes it.
func printable(reason string) string {
	reason = strings.ToValidUTF8(strings.ReplaceAll(reason, "\x00", " "), "?")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "..."
	}
	return reason
}

// drawing returns the transactions that may have drawn a number and not ended.
func (q *queue) drawing(ctx context.Context) (all []string, err error) {
	err = q.call(ctx, func(ctx context.Context) error {
		return q.conn.QueryRow(ctx, `select coalesce(array_agg(l.virtualtransaction), '{}') from pg_locks l, (select hashtextextended($1, 0) k) k
			where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
			and l.database = (select oid from pg_database where datname = current_database())
			and l.classid::bigint = (k.k >> 32) & 4294967295 and l.objid::bigint = k.k & 4294967295`,
			"troupe.outbox_"+q.db.Schema()).Scan(&all)
	})
	return all, err
}

// sleep says whether transactions are to send a wake-up.
func (q *queue) sleep(ctx context.Context, asleep bool) error {
	return q.call(ctx, func(ctx context.Context) error {
		_, err := q.conn.Exec(ctx, q.db.SQL("update {schema}.outbox_state set asleep = $1 where asleep is distinct from $1"), asleep)
		return err
	})
}

// await returns when a wake-up came, or after a while.
func (q *queue) await(ctx context.Context, d time.Duration) (woken bool, err error) {
	within, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err = q.conn.WaitForNotification(within)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case within.Err() != nil && !q.conn.IsClosed():
		return false, nil
	}
	return false, err
}

func (q *queue) backlog(ctx context.Context) (b Backlog, err error) {
	err = q.call(ctx, func(ctx context.Context) error {
		return b.scan(q.conn.QueryRow(ctx, q.db.SQL(backlogSQL), MaxCount))
	})
	return b, err
}

const (
	// Dead letters that were kept long enough.
	expireSQL = `delete from {schema}.outbox_dead where id in (select id from {schema}.outbox_dead
		where died < clock_timestamp() - $1 * interval '1 second' order by died limit 1000)`
	// Tickets whose rows somebody removed by hand.
	emptySQL = `delete from {schema}.outbox_tickets t where t.seq in (select seq from {schema}.outbox_tickets order by seq limit 1000)
		and not exists (select from {schema}.outbox o where o.tx = t.tx and o.id between t.first and t.last)`
	// Rows without a ticket: somebody switched the trigger off. They get one.
	adoptSQL = `insert into {schema}.outbox_tickets (seq, tx, first, last)
		select nextval('{schema}.outbox_places'), o.tx, o.id, o.id
		from (select tx, id from {schema}.outbox order by tx, id limit 1000) o
		where not exists (select from {schema}.outbox_tickets t where t.tx = o.tx and o.id between t.first and t.last) order by o.id`
)

// tidy does what is to be done now and then. Idle tells that nothing is waiting: then rows that are there were missed.
func (q *queue) tidy(ctx context.Context, keepDead time.Duration, idle bool) (adopted int64, err error) {
	err = q.call(ctx, func(ctx context.Context) error {
		if keepDead > 0 {
			if _, err := q.conn.Exec(ctx, q.db.SQL(expireSQL), keepDead.Seconds()); err != nil {
				return fmt.Errorf("expire dead letters: %w", err)
			}
		}
		if _, err := q.conn.Exec(ctx, q.db.SQL(emptySQL)); err != nil {
			return fmt.Errorf("remove empty tickets: %w", err)
		}
		if !idle {
			return nil
		}
		tag, err := q.conn.Exec(ctx, q.db.SQL(adoptSQL))
		adopted = tag.RowsAffected()
		return err
	})
	return adopted, err
}
