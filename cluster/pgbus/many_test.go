package pgbus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// TestManyTopics loses the connection of a node that follows 2,000 topics: each is restored once.
func TestManyTopics(t *testing.T) {
	t.Parallel()
	const topics = 2000
	server := pgtest.Shared(t)
	database := server.Database(t)
	bus := start(t, database, pgbus.Config{Node: "a"})
	to := newSink()
	for i := range topics {
		follow(t, bus, fmt.Sprint("room", i), to)
	}
	began := time.Now()
	server.Exec(t, endListeners, nameOf(t, database))
	for i := range topics {
		to.wantRestored(t, fmt.Sprint("room", i), 1)
	}
	t.Logf("%d topics restored after %v", topics, time.Since(began))
	insist(t, bus, "room0", "end")
	to.wantFrame(t, "room0", "end")
	for i := range topics {
		told := to.interruptions(fmt.Sprint("room", i))
		if len(told) != 1 {
			t.Fatalf("room %d was restored %d times", i, len(told))
		}
		if told[0].since.After(began) {
			t.Fatalf("room %d was restored since %v after the interruption began", i, told[0].since.Sub(began))
		}
	}
}

// TestLargeFrames sends 16 MiB in the midst of small ones, and refuses more than LargestFrame.
func TestLargeFrames(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	a := start(t, database, pgbus.Config{Node: "a"})
	b := start(t, database, pgbus.Config{Node: "b"})
	to := newSink()
	follow(t, b, "room", to)
	large := strings.Repeat("0123456789abcdef", 1<<20)
	var all sync.WaitGroup
	all.Go(func() { insist(t, a, "room", large) })
	for i := range 50 {
		all.Go(func() { insist(t, a, "room", fmt.Sprint(i)) })
	}
	all.Wait()
	if err := a.Publish(t.Context(), "room", make([]byte, pgbus.LargestFrame+1)); !errors.Is(err, pgbus.ErrTooLarge) {
		t.Errorf("Publish: %v", err)
	}
	to.wantFrame(t, "room", large)
	for i := range 50 {
		to.wantFrame(t, "room", fmt.Sprint(i))
	}
	if got := to.got("room"); len(got) != 51 {
		t.Errorf("got %d frames, want 51", len(got))
	}
}

// TestMalformed has a stranger send on the channel: all topics are told that something may be lost, once a tick.
func TestMalformed(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	reg := prometheus.NewPedanticRegistry()
	db := connect(t, database, pgdb.Config{})
	bus := start(t, "", pgbus.Config{DB: db, Node: "a", Registerer: reg, Ping: 50 * time.Millisecond})
	to := newSink()
	follow(t, bus, "room", to)
	insist(t, bus, "room", "before")
	to.wantFrame(t, "room", "before")
	began := time.Now()
	pgtest.Exec(t, database, `select pg_notify($1, p) from unnest($2::text[]) p`, db.FrameChannel(),
		[]string{"", "x", "00000000 1/1 ?", "00000000 2/2 AAAA", "00000000 1/1 /////w", "00000000 9999999/9999999 AAAA"})
	to.wantRestored(t, "room", 1)
	if told := to.interruptions("room"); told[0].since.After(began) || len(told) > 2 {
		t.Errorf("told of %d interruptions, the first since %v after it", len(told), told[0].since.Sub(began))
	}
	insist(t, bus, "room", "end")
	to.wantFrame(t, "room", "end")
	if got := to.got("room"); len(got) != 2 {
		t.Errorf("got %q", got)
	}
	want := `
# HELP troupe_relay_invalid_total Messages that were not handed on, by reason.
# TYPE troupe_relay_invalid_total counter
troupe_relay_invalid_total{reason="malformed"} 6
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_relay_invalid_total"); err != nil {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const password = "hunter2hunter2"
	server := pgtest.Start(t)
	server.Exec(t, "create role node login password '"+password+"'")
	url := strings.Replace(server.URL(), server.URL()[len("postgres://"):strings.Index(server.URL(), "@")], "node:"+password, 1)
	var log strings.Builder
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), nil))
	bus := start(t, url, pgbus.Config{Node: "a", Logger: logger})
	to := newSink()
	follow(t, bus, "room", to)
	server.Exec(t, "alter role node password 'another'")
	server.Exec(t, endListeners, "postgres")
	pgtest.Eventually(t, patience, "the refusal is logged", func() error {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(log.String(), "relay interrupted") {
			return errors.New("nothing")
		}
		return nil
	})
	err := bus.Follow(t.Context(), "other", to)
	mu.Lock()
	defer mu.Unlock()
	if pgdb.Code(err) != "28P01" || strings.Contains(err.Error()+log.String(), password) {
		t.Errorf("error %v, log %s", err, log.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	bus := start(t, pgtest.Shared(t).Database(t), pgbus.Config{Node: "a", Registerer: reg})
	to := newSink()
	follow(t, bus, "room", to)
	insist(t, bus, "elsewhere", "1")
	insist(t, bus, "room", "12345")
	to.wantFrame(t, "room", "12345")
	want := `
# HELP troupe_relay_connected 1 while every subscription connection in use stands, else 0.
# TYPE troupe_relay_connected gauge
troupe_relay_connected 1
# HELP troupe_relay_followed Topics that are followed, also while their connection is down.
# TYPE troupe_relay_followed gauge
troupe_relay_followed 1
# HELP troupe_relay_notifications_total Notifications of at most 8,000 bytes, in which frames were sent.
# TYPE troupe_relay_notifications_total counter
troupe_relay_notifications_total 2
# HELP troupe_relay_received_bytes_total Bytes of frames that arrived.
# TYPE troupe_relay_received_bytes_total counter
troupe_relay_received_bytes_total 5
# HELP troupe_relay_sent_total Frames that the backend took.
# TYPE troupe_relay_sent_total counter
troupe_relay_sent_total 2
# HELP troupe_relay_unfollowed_total Frames that arrived and that nobody here follows.
# TYPE troupe_relay_unfollowed_total counter
troupe_relay_unfollowed_total 1
# HELP troupe_relay_waiting_bytes Bytes of frames that wait to be sent.
# TYPE troupe_relay_waiting_bytes gauge
troupe_relay_waiting_bytes 0
`
	err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_relay_connected", "troupe_relay_followed",
		"troupe_relay_received_bytes_total", "troupe_relay_sent_total", "troupe_relay_unfollowed_total",
		"troupe_relay_notifications_total", "troupe_relay_waiting_bytes")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

// TestClose closes while the server hangs, and somebody waits.
func TestClose(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	proxy := pgtest.StartProxy(t, server.Addr())
	bus := start(t, proxy.URL(server.URL()), pgbus.Config{Node: "a"})
	proxy.Refuse()
	pgtest.Eventually(t, patience, "the loss is noticed", connected(bus, false))
	to := newSink()
	waiting := make(chan error, 2)
	go func() { waiting <- bus.Follow(t.Context(), "other", to) }()
	pgtest.Eventually(t, patience, "it waits", func() error {
		if !bus.Waits("other") {
			return errors.New("not yet")
		}
		return nil
	})
	proxy.Heal(t)
	proxy.Hang()
	go func() { waiting <- bus.Publish(t.Context(), "other", []byte("x")) }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := bus.Close(ctx); err != nil {
		t.Errorf("Close although the server hangs: %v", err)
	}
	for range 2 {
		if err := <-waiting; err == nil {
			t.Error("a call that waited: no error")
		}
	}
	if err := bus.Follow(t.Context(), "room", to); !errors.Is(err, pgbus.ErrClosed) {
		t.Errorf("Follow: %v", err)
	}
	if err := bus.Publish(t.Context(), "room", nil); !errors.Is(err, pgbus.ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	bus.Unfollow("room")
	if bus.Connected() {
		t.Error("connected")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := pgbus.New(pgbus.Config{Ping: -1, MaxQueue: -1})
	for _, fault := range []string{"db", "node", "ping", "max queue"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("the error does not name %s: %v", fault, err)
		}
	}
}
