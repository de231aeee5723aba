package pgbus_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/cluster/bustest"
	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a bus of its own DB; both end with the test.
func start(t testing.TB, url string, cfg pgbus.Config) *pgbus.Bus {
	t.Helper()
	if cfg.DB == nil {
		cfg.DB = connect(t, url, pgdb.Config{Node: cfg.Node})
	}
	bus, err := pgbus.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := bus.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return bus
}

// connect does not migrate: a bus needs no tables.
func connect(t testing.TB, url string, cfg pgdb.Config) *pgdb.DB {
	t.Helper()
	cfg.URL = url
	db, err := pgdb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// endListeners ends the connections of a database on which nodes listen.
const endListeners = `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like '% relay'`

// open gives each node a way of its own to a database of its own.
func open(t *testing.T, server *pgtest.Server) *bustest.Scene {
	database := server.Database(t)
	name := nameOf(t, database)
	scene := &bustest.Scene{}
	mark := start(t, database, pgbus.Config{Node: "mark"})
	var proxies [3]*pgtest.Proxy
	var buses [3]*pgbus.Bus
	for i := range proxies {
		proxies[i] = pgtest.StartProxy(t, server.Addr())
		buses[i] = start(t, proxies[i].URL(database), pgbus.Config{Node: fmt.Sprint("node", i)})
		scene.Nodes[i] = &drained{Bus: buses[i], t: t, mark: mark}
	}
	scene.Break = func(node int) {
		proxies[node].Refuse()
		pgtest.Eventually(t, patience, "the loss is noticed", connected(buses[node], false))
	}
	scene.Mend = func(node int) { proxies[node].Heal(t) }
	scene.Refuse = func(on bool) {
		server.Exec(t, fmt.Sprintf("alter database %s allow_connections %t", name, !on))
		server.Exec(t, endListeners, name)
		for _, bus := range buses {
			pgtest.Eventually(t, patience, "the change is noticed", connected(bus, !on))
		}
	}
	scene.Followers = func(topic string) (n int) {
		for _, bus := range buses {
			if bus.Follows(topic) {
				n++
			}
		}
		return n
	}
	// A node asks the backend for nothing when it follows; its connection did, once.
	scene.Requests = func() int { return 0 }
	return scene
}

// drained is a bus that has received all that was published before, when it begins to follow. As Follow asks the server for
// nothing, it may bring what was on its way, and the suite counts frames.
type drained struct {
	*pgbus.Bus
	t    *testing.T
	mark *pgbus.Bus
}

var marks atomic.Int64

func (d *drained) Follow(ctx context.Context, name string, sink topic.Sink) error {
	room, to := fmt.Sprint("mark", marks.Add(1)), newSink()
	if d.Connected() && d.Bus.Follow(ctx, room, to) == nil {
		insist(d.t, d.mark, room, "mark")
		pgtest.Eventually(d.t, patience, "the mark arrives", func() error {
			if d.Connected() && len(to.got(room)) == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		d.Unfollow(room)
	}
	return d.Bus.Follow(ctx, name, sink)
}

func TestRelay(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T, _ bustest.Need) *bustest.Scene {
		return open(t, pgtest.Shared(t)) // each case has its own database
	}, bustest.Options{})
}
