package outbox_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestRole publishes from a trigger as a user who may do nothing else.
func TestRole(t *testing.T) {
	t.Parallel()
	db, super := open(t)
	topics := newFake()
	start(t, db, topics)
	role := fmt.Sprintf("shop_%d", time.Now().UnixNano())
	t.Cleanup(func() {
		pgtest.Exec(t, super, "drop owned by "+role)
		pgtest.Exec(t, super, "drop role "+role)
	})
	for _, sql := range []string{
		"create role " + role + " login password 'secret'",
		"create table orders (n int)",
		`create function announce() returns trigger language plpgsql as $$ begin
			perform troupe.troupe_publish('orders', lower(tg_op), row_to_json(new)); return null; end $$`,
		"create trigger announce after insert or update on orders for each row execute function announce()",
		"grant insert, update, select on orders to " + role,
	} {
		pgtest.Exec(t, super, sql)
	}
	u, err := url.Parse(super)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	conn := connect(t, u.String())
	denied := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); pgdb.Code(err) != "42501" {
			t.Errorf("%s: got %v", sql, err)
		}
	}
	denied("insert into orders values (1)")
	pgtest.Exec(t, super, "grant usage on schema troupe to "+role)
	denied("insert into orders values (1)")
	pgtest.Exec(t, super, "grant execute on function troupe.troupe_publish(text, text, json, text) to "+role)
	denied("select troupe.troupe_publish('orders', 'fake')")
	for _, table := range []string{"outbox", "outbox_tickets", "outbox_dead", "outbox_state"} {
		denied("select from troupe." + table)
	}
	denied("insert into troupe.outbox (topic, event, data) values ('a', 'b', '1')")
	// What the caller puts in the way of names is not looked at.
	for _, sql := range []string{"create temp table outbox_state (asleep bool)", "set search_path = pg_temp, public",
		"insert into orders values (1)", "update orders set n = 2", "insert into orders select generate_series(3, 5)"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	topics.mustGet(t, "orders insert", "orders update", "orders insert", "orders insert", "orders insert")
}

// TestSerializable has transactions of the strictest isolation publish beside each other. None fails on account of the outbox.
func TestSerializable(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	start(t, db, topics)
	var wg sync.WaitGroup
	for w := range 4 {
		conn := connect(t, url)
		wg.Go(func() {
			for i := range 50 {
				err := pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
					for range 3 {
						if _, err := outbox.Publish(t.Context(), tx, "room", fmt.Sprint(w, "-", i), 1); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	mustBe(t, db, 0, 0)
	if got := topics.of("room"); len(got) != 4*50*3 {
		t.Errorf("got %d", len(got))
	}
}

// TestPrepared has a transaction commit in two phases. While it is prepared it holds up nobody.
func TestPrepared(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "max_prepared_transactions=5")
	url := server.Database(t)
	db := pgtest.Open(t, url, pgdb.Config{})
	topics := newFake()
	start(t, db, topics)
	conn, other := connect(t, url), connect(t, url)
	asleep(t, other)
	exec(t, conn, "begin")
	exec(t, conn, "set local troupe.wake = off")
	publish(t, conn, "room", "a")
	exec(t, conn, "prepare transaction 'p'")
	publish(t, other, "room", "b")
	topics.mustGet(t, "room b")
	<-time.After(4 * time.Second) // the floor would rise
	publish(t, other, "room", "c")
	topics.mustGet(t, "room b", "room c")
	exec(t, other, "commit prepared 'p'")
	topics.mustGet(t, "room b", "room c", "room a")
}

// asleep waits until the forwarder wants to be woken.
func asleep(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	pgtest.Eventually(t, soon, "it falls asleep", func() error {
		var asleep bool
		if err := conn.QueryRow(t.Context(), "select asleep from troupe.outbox_state").Scan(&asleep); err != nil || !asleep {
			return fmt.Errorf("awake, %v", err)
		}
		return nil
	})
}

// TestWakes has a forwarder that looks once a minute be woken.
func TestWakes(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	start(t, db, topics, func(c *outbox.Config) { c.Poll = time.Minute })
	app := connect(t, url)
	asleep(t, app)
	<-time.After(time.Second) // it has looked as often as it does
	var want []string
	for i := range 5 {
		publish(t, app, "room", fmt.Sprint(i))
		want = append(want, fmt.Sprint("room ", i))
		topics.mustGet(t, want...)
	}
	tx := begin(t, url)
	for i := range 5000 {
		if i%500 == 0 {
			publish(t, app, "live", "x")
		}
		publish(t, tx, "many", "x")
	}
	commit(t, tx)
	mustBe(t, db, 0, 0)
	if got := topics.of("many"); len(got) != 5000 {
		t.Errorf("got %d", len(got))
	}
}

// TestAdopts has rows come in while the trigger is switched off, and tickets whose rows are gone.
func TestAdopts(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	app := connect(t, url)
	exec(t, app, "alter table troupe.outbox disable trigger draw")
	publish(t, app, "room", "a")
	publish(t, app, "room", "b")
	exec(t, app, "alter table troupe.outbox enable always trigger draw")
	exec(t, app, "insert into troupe.outbox_tickets values (nextval('troupe.outbox_places'), 1, 1, 1)")
	topics := newFake()
	start(t, db, topics)
	topics.mustGet(t, "room a", "room b")
	mustBe(t, db, 0, 0)
	var tickets int
	if err := app.QueryRow(t.Context(), "select count(*) from troupe.outbox_tickets").Scan(&tickets); err != nil || tickets != 0 {
		t.Errorf("%d tickets, %v", tickets, err)
	}
}

// TestNoTransactionWaits has one transaction hold its place for as long as it likes.
func TestNoTransactionWaits(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	a := begin(t, url)
	publish(t, a, "room", "a")
	exec(t, a, "set constraints all immediate")
	app := connect(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := outbox.Publish(ctx, app, "room", "b", 1); err != nil {
		t.Error(err)
	}
	commit(t, a)
}

// TestLarge has one transaction publish more than is read at a time, in rows and in bytes.
func TestLarge(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	topics := newFake()
	tx := begin(t, url)
	text := strings.Repeat("x", 700)
	for i := range 300 {
		if _, err := outbox.Publish(t.Context(), tx, "room", fmt.Sprint(i), text); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, tx)
	start(t, db, topics, func(c *outbox.Config) { c.Batch, c.BatchBytes = 7, 2048 })
	mustBe(t, db, 0, 0)
	got := topics.of("room")
	for i, event := range got {
		if event != fmt.Sprint(i) {
			t.Fatalf("%d is %s", i, event)
		}
	}
	if len(got) != 300 {
		t.Errorf("got %d", len(got))
	}
}
