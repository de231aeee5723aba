package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/cluster/membus"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// live are topics without history.
var live = topic.Policy{Match: "live:*", History: -1}

// A cluster is nodes that share a Log and a Relay, and a database.
type cluster struct {
	t   testing.TB
	url string
	log topic.Log
	bus *membus.Bus
	say *pgx.Conn
}

func newCluster(t testing.TB, url string) *cluster {
	t.Helper()
	c := &cluster{t: t, url: url, log: memstore.New(memstore.Config{}), bus: membus.New()}
	c.say = connect(t, url)
	return c
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs a statement as somebody else.
func (c *cluster) exec(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.say.Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// notify sends an event with a number.
func (c *cluster) notify(channel, name string, n int) {
	c.t.Helper()
	c.exec("select pg_notify($1, $2)", channel, fmt.Sprintf(`{"topic":%q,"event":"e","data":%d}`, name, n))
}

// A node has topics and a Bridge.
type node struct {
	*Bridge
	topics *topic.Topics
	db     *pgdb.DB
}

// node starts one, which is ready.
func (c *cluster) node(cfg Config) *node {
	c.t.Helper()
	n := c.unready(cfg)
	n.ready(c.t)
	return n
}

func (n *node) ready(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) unready(cfg Config) *node {
	c.t.Helper()
	n := &node{topics: startTopics(c.t, c.log, c.bus), db: cfg.DB}
	if n.db == nil {
		n.db = pgtest.Open(c.t, c.url, pgdb.Config{MaxConns: 1})
	}
	cfg.DB = n.db
	if cfg.Topics == nil {
		cfg.Topics = n.topics
	}
	b, err := Start(c.t.Context(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Bridge = b
	c.t.Cleanup(func() { closeIn(c.t, b, 10*time.Second) })
	return n
}

func closeIn(t testing.TB, b *Bridge, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

var nodes struct {
	sync.Mutex
	n int
}

func startTopics(t testing.TB, log topic.Log, bus *membus.Bus) *topic.Topics {
	t.Helper()
	nodes.Lock()
	nodes.n++
	name := fmt.Sprintf("n%d", nodes.n)
	nodes.Unlock()
	system := actors.NewSystem(actors.Config{})
	topics, err := topic.Start(topic.Config{System: system, Log: log, Relay: bus.Node(name), Node: name, Policies: []topic.Policy{live}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(topics.Close(ctx), system.Close(ctx)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return topics
}

// An ear is an Outlet that writes down what it is given, one word an event.
type ear struct {
	mu     sync.Mutex
	joined chan struct{}
	words  []string
	events []*topic.Event
}

func (n *node) listen(t testing.TB, name string) *ear {
	t.Helper()
	e := &ear{joined: make(chan struct{})}
	if err := n.topics.Subscribe(name, topic.Subscription{Outlet: e, Receiver: e}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.joined:
	case <-time.After(20 * time.Second):
		t.Fatal("did not join " + name)
	}
	return e
}

func (e *ear) Joined(_ string, _ any, j topic.Joined) { close(e.joined) }
func (e *ear) Left(string, any)                       {}
func (e *ear) Closed(string, error)                   {}

func (e *ear) Deliver(_ string, b *topic.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range b.Events {
		word := string(ev.Data())
		if l := ev.Loss(); l != nil && l.Stale {
			word = "stale"
		}
		e.words, e.events = append(e.words, word), append(e.events, ev)
	}
}

func (e *ear) heard() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.words, " ")
}

func (e *ear) all() []*topic.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*topic.Event(nil), e.events...)
}

// staleSince are the moments of which the ear was told.
func (e *ear) staleSince() (at []time.Time) {
	for _, ev := range e.all() {
		if l := ev.Loss(); l != nil && l.Stale {
			at = append(at, l.At)
		}
	}
	return at
}

func (e *ear) wants(t testing.TB, want string) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, "events", func() error {
		if got := e.heard(); got != want {
			return fmt.Errorf("heard %q, want %q", got, want)
		}
		return nil
	})
}

// eventually waits for something about the first channel.
func (n *node) eventually(t testing.TB, what string, ok func(ChannelState) bool) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, what, func() error {
		if s := n.State()[0]; !ok(s) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// kill ends the sessions of nodes that do one thing: "notify", or "notify" and the channel that is led.
func (c *cluster) kill(role string) {
	c.t.Helper()
	c.exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
		and application_name = 'troupe - ' || $1`, role)
}
