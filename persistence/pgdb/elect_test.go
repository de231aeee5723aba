package pgdb_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// A crew are programs of which one listens.
type crew struct {
	mu      sync.Mutex
	leaders []int // that listen, in the order in which they began
	got     []string
}

func (c *crew) join(t *testing.T, db *pgdb.DB, id int, e pgdb.ListenConfig) *pgdb.Listener {
	t.Helper()
	e.Role, e.Channels = "crew", []string{"c"}
	e.Elect = func(ctx context.Context, conn *pgx.Conn) (ours bool, err error) {
		err = conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", db.LockKey("crew")).Scan(&ours)
		return ours, err
	}
	e.Listening = func(time.Time) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leaders = append(c.leaders, id)
	}
	e.Lost = func(error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leaders = slices.DeleteFunc(c.leaders, func(l int) bool { return l == id })
	}
	e.Received = func(n pgdb.Notification) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, n.Payload)
	}
	l := db.Listen(e)
	t.Cleanup(l.Close)
	return l
}

// leader waits for one that is none of these, and returns it.
func (c *crew) leader(t *testing.T, within time.Duration, not ...int) (id int) {
	t.Helper()
	pgtest.Eventually(t, within, fmt.Sprint("another than ", not, " leads"), func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id = range c.leaders {
			if !slices.Contains(not, id) {
				return nil
			}
		}
		return fmt.Errorf("leaders %v", c.leaders)
	})
	return id
}

func TestOneOfThreeListens(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	var c crew
	var proxies [3]*pgtest.Proxy
	var listeners [3]*pgdb.Listener
	for i := range proxies {
		proxies[i] = pgtest.StartProxy(t, s.Addr())
		db := open(t, proxies[i].URL(url), pgdb.Config{Timeout: 500 * time.Millisecond})
		listeners[i] = c.join(t, db, i, pgdb.ListenConfig{Poll: 50 * time.Millisecond, Keepalive: 300 * time.Millisecond, MinWait: 10 * time.Millisecond, MaxWait: 100 * time.Millisecond})
	}
	first := c.leader(t, soon)
	for i := range 50 {
		notify(t, url, "c", fmt.Sprint(i))
	}
	pgtest.Eventually(t, soon, "each has come once", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.got) < 50 {
			return fmt.Errorf("%d", len(c.got))
		}
		if len(c.got) > 50 || len(c.leaders) != 1 {
			t.Errorf("%d have come to leaders %v", len(c.got), c.leaders)
		}
		return nil
	})

	proxies[first].Refuse() // its connection dies
	began := time.Now()
	second := c.leader(t, soon, first)
	t.Logf("taken over %v after the connection died", time.Since(began))
	proxies[first].Heal(t)

	proxies[second].Hang() // as far as the server can see it lives and says nothing
	began = time.Now()
	c.leader(t, soon, second) // the first is back, and may be it
	if limit := 2*(800*time.Millisecond) + 50*time.Millisecond + slack; time.Since(began) > limit {
		t.Errorf("taken over %v after the leader hung, want %v", time.Since(began), limit)
	}
	t.Logf("taken over %v after the leader hung", time.Since(began))
}

// Close returns soon, whatever the Listener does.
func TestCloseInEveryPhase(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.Database(t)
	stopped := pgtest.StartProxy(t, s.Addr())
	deaf := pgtest.StartProxy(t, s.Addr())
	hung := pgtest.StartProxy(t, s.Addr())
	dbs := map[string]*pgdb.DB{}
	for name, p := range map[string]*pgtest.Proxy{"no server": stopped, "connects": deaf, "hangs": hung} {
		dbs[name] = open(t, p.URL(url), pgdb.Config{Timeout: 20 * time.Second})
	}
	fine := open(t, url, pgdb.Config{Timeout: 20 * time.Second})
	dbs["listens"], dbs["elects"], dbs["waits for its turn"], dbs["has just begun"] = fine, fine, fine, fine
	stopped.Refuse()
	deaf.Hang()
	deaf.Cut()
	asked := make(chan struct{}, 1)
	configs := map[string]pgdb.ListenConfig{
		"elects": {Elect: func(ctx context.Context, conn *pgx.Conn) (bool, error) {
			select {
			case asked <- struct{}{}:
			default:
			}
			_, err := conn.Exec(ctx, "select pg_sleep(15)")
			return err == nil, err
		}},
		"waits for its turn": {Poll: time.Hour, Elect: func(context.Context, *pgx.Conn) (bool, error) { return false, nil }},
		"no server":          {MinWait: time.Hour, MaxWait: time.Hour},
	}
	for name, db := range dbs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, l := listen(t, db, configs[name])
			switch name {
			case "listens", "hangs":
				<-l.First()
			case "elects":
				<-asked
			case "no server":
				e.waitFor(t, 1, "lost")
			}
			if name == "hangs" {
				hung.Hang()
			}
			began := time.Now()
			l.Close()
			if took := time.Since(began); took > slack {
				t.Errorf("Close took %v", took)
			}
			count := len(e.of("received")) + len(e.of("listening")) + len(e.of("lost"))
			notify(t, url, "c", "late")
			if n := len(e.of("received")) + len(e.of("listening")) + len(e.of("lost")); n != count {
				t.Error("a function ran after Close")
			}
		})
	}
}
