package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/bridge/pgnotify"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// bridged starts two nodes that take notifications and the outbox of a database, on Postgres alone
// and beside Redis.
func bridged(t *testing.T, test func(t *testing.T, url string, a, b *Node)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []string{"alone", "beside redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Postgres: pgtest.Shared(t).Database(t), Outbox: &outbox.Config{}, Notify: []pgnotify.Channel{{Name: "changes", Leader: true, Feeds: []string{"orders"}}}}
			if kind != "alone" {
				cfg.Redis = redistest.Start(t).URL()
			}
			var both [2]*Node
			for i := range both {
				cfg.ID = string(rune('a' + i))
				both[i] = startOn(t, cfg)
			}
			test(t, cfg.Postgres, both[0], both[1])
		})
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// NTF-01, NTF-05, NTF-10: one node takes each notification, and the receivers of all get it, once; when the
// node goes, the other one takes over.
func TestNTF10NotificationsReachAllNodes(t *testing.T) {
	bridged(t, func(t *testing.T, url string, a, b *Node) {
		conn := connect(t, url)
		eventually(t, func() string {
			for _, n := range []*Node{a, b} {
				for _, ch := range n.Notify().State() {
					if ch.Listening {
						return ""
					}
				}
			}
			return "nobody listens"
		})
		ea, eb := listen(t, a, "orders"), listen(t, b, "orders")
		tell := func(i int) {
			_, err := conn.Exec(t.Context(), "select pg_notify('changes', $1)", fmt.Sprintf(`{"topic":"orders","event":"created","data":%d}`, i))
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			tell(i)
		}
		ea.wants(t, "0 1 2 3 4")
		eb.wants(t, "0 1 2 3 4")
		if err := a.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() string { // what nobody listened to is told to be missing
			tell(5)
			return map[bool]string{true: eb.heard()}[!strings.HasSuffix(eb.heard(), "5")]
		})
	})
}

// An order is saved and announced on all nodes, or neither.
func TestOutboxReachesAllNodes(t *testing.T) {
	bridged(t, func(t *testing.T, url string, a, b *Node) {
		conn := connect(t, url)
		ea, eb := listen(t, a, "sales"), listen(t, b, "sales")
		if _, err := conn.Exec(t.Context(), "create table orders (n int primary key)"); err != nil {
			t.Fatal(err)
		}
		errNo := errors.New("no")
		for i := range 6 {
			err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), "insert into orders values ($1)", i); err != nil {
					return err
				}
				if _, err := outbox.Publish(t.Context(), tx, "sales", "created", i); err != nil {
					return err
				}
				return map[bool]error{true: errNo}[i%2 == 1]
			})
			if i%2 == 0 && err != nil || i%2 == 1 && !errors.Is(err, errNo) {
				t.Fatal(err)
			}
		}
		ea.wants(t, "0 2 4")
		eb.wants(t, "0 2 4")
		if err := a.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "select troupe.troupe_publish('sales', 'created', '6')"); err != nil {
			t.Fatal(err)
		}
		eb.wants(t, "0 2 4 6")
		eb.check(t)
	})
}

func TestBridgesNeedPostgres(t *testing.T) {
	t.Parallel()
	const fine = "postgres://u@127.0.0.1:1/db"
	for field, c := range map[string]Config{
		"notify":          {Notify: []pgnotify.Channel{{Name: "changes"}}},
		"outbox":          {Outbox: &outbox.Config{}},
		"notify[1].name":  {Postgres: fine, Notify: []pgnotify.Channel{{Name: "fine"}, {Name: "a;b"}}},
		"outbox.maxTries": {Postgres: fine, Outbox: &outbox.Config{MaxTries: -1}},
	} {
		var fault *ConfigError
		if _, err := Start(t.Context(), c); !errors.As(err, &fault) || fault.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
