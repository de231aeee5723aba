package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/bridge/outbox"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second

// open returns an empty outbox of its own on the server that tests share, and the URL of its database.
func open(t *testing.T) (*pgdb.DB, string) {
	t.Helper()
	url := pgtest.Shared(t).Database(t)
	return pgtest.Open(t, url, pgdb.Config{}), url
}

// connect is an application's connection.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// start starts a Forwarder that ends with the test.
func start(t *testing.T, db *pgdb.DB, topics outbox.Topics, change ...func(*outbox.Config)) *outbox.Forwarder {
	t.Helper()
	cfg := outbox.Config{DB: db, Topics: topics, Poll: 50 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
		Registerer: prometheus.NewPedanticRegistry(), Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	for _, c := range change {
		c(&cfg)
	}
	f, err := outbox.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, f) })
	return f
}

func stop(t testing.TB, f *outbox.Forwarder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := f.Close(ctx); err != nil {
		t.Error(err)
	}
}

// realTopics are topics of a node that keeps history in memory.
func realTopics(t *testing.T, policies ...topic.Policy) *topic.Topics {
	t.Helper()
	return topicsOver(t, actors.NewSystem(actors.Config{}), memstore.New(memstore.Config{}), policies...)
}

func topicsOver(t testing.TB, system *actors.System, log topic.Log, policies ...topic.Policy) *topic.Topics {
	t.Helper()
	topics, err := topic.Start(topic.Config{System: system, Log: log, Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := errors.Join(topics.Close(ctx), system.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return topics
}

// fake are topics that write down what they are given. Answer decides, and is asked one at a time; nil takes everything.
type fake struct {
	mu     sync.Mutex
	answer func(name string, m topic.Message) error
	got    []string // "topic event" of what was taken, without doubles
	ids    map[string]bool
	asked  int
	held   []func() // answers that are to come later
	hold   func(name string) bool
}

func newFake() *fake { return &fake{ids: make(map[string]bool)} }

func (f *fake) Post(name string, m topic.Message, done func(topic.Receipt, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	var err error
	if f.answer != nil {
		err = f.answer(name, m)
	}
	var input *topic.InputError
	if errors.As(err, &input) || errors.Is(err, topic.ErrOverloaded) {
		return err
	}
	known := f.ids[m.ID]
	if err == nil && !known {
		f.ids[m.ID] = true
		f.got = append(f.got, name+" "+m.Event)
	}
	if f.hold != nil && f.hold(name) {
		f.held = append(f.held, func() { done(topic.Receipt{Duplicate: known}, err) })
		return nil
	}
	go done(topic.Receipt{Duplicate: known}, err)
	return nil
}

func (f *fake) have() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// of returns the events that one topic took.
func (f *fake) of(name string) (events []string) {
	for _, g := range f.have() {
		if event, ok := strings.CutPrefix(g, name+" "); ok {
			events = append(events, event)
		}
	}
	return events
}

func (f *fake) answers(with func(name string, m topic.Message) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = with
}

// mustGet waits until exactly these were taken, in this order.
func (f *fake) mustGet(t *testing.T, want ...string) {
	t.Helper()
	pgtest.Eventually(t, soon, "rows arrive", func() error {
		if have := f.have(); !slices.Equal(have, want) {
			return fmt.Errorf("got %q, want %q", have, want)
		}
		return nil
	})
}

// mustBe waits until the outbox is so.
func mustBe(t testing.TB, db *pgdb.DB, pending, dead int) {
	t.Helper()
	pgtest.Eventually(t, soon, "the outbox settles", func() error {
		b, err := outbox.Look(t.Context(), db)
		if err == nil && (b.Pending != pending || b.Dead != dead) {
			err = fmt.Errorf("pending %d, dead %d, want %d and %d", b.Pending, b.Dead, pending, dead)
		}
		return err
	})
}

func exec(t testing.TB, conn outbox.Execer, sql string, args ...any) {
	t.Helper()
	var n json.RawMessage
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
}

func publish(t testing.TB, tx outbox.Execer, name, event string, opts ...outbox.Option) int64 {
	t.Helper()
	id, err := outbox.Publish(t.Context(), tx, name, event, map[string]string{"of": event}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// begin begins a transaction that is rolled back with the test unless it ends before.
func begin(t *testing.T, url string) pgx.Tx {
	t.Helper()
	tx, err := connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func commit(t *testing.T, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func openSchema(t *testing.T, url, schema string) *pgdb.DB {
	t.Helper()
	return pgtest.Open(t, url, pgdb.Config{Schema: schema})
}
