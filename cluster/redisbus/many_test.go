package redisbus_test

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

	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// TestPortions follows more topics than fit into a command, and loses the connection.
func TestPortions(t *testing.T) {
	t.Parallel()
	const topics = 6500
	server := redistest.Start(t)
	admin := server.Client(t)
	bus := start(t, server.URL(), redisbus.Config{Node: "a"})
	to := newSink()
	var all sync.WaitGroup
	for i := range topics {
		all.Go(func() { follow(t, bus, fmt.Sprint("room", i), to) })
	}
	all.Wait()
	if err := admin.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := admin.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	for i := range topics {
		to.wantRestored(t, fmt.Sprint("room", i), 1)
	}
	info, err := admin.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	if n := callsOf(info, "subscribe"); n < 7 || n > 40 {
		t.Errorf("%d topics took %d commands", topics, n)
	}
	for i := range topics {
		if n := len(to.interruptions(fmt.Sprint("room", i))); n != 1 {
			t.Fatalf("room %d was restored %d times", i, n)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const password = "hunter2hunter2"
	server := redistest.Start(t, "--requirepass", password)
	var log strings.Builder
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), nil))
	bus := start(t, server.URL(), redisbus.Config{Node: "a", Logger: logger})
	to := newSink()
	follow(t, bus, "room", to)
	insist(t, bus, "room", "end")
	to.wantFrame(t, "room", "end")
	admin := server.Client(t)
	if err := admin.ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	if err := admin.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "the refusal is logged", func() error {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(log.String(), "relay interrupted") {
			return errors.New("nothing")
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := bus.Follow(ctx, "other", to)
	mu.Lock()
	defer mu.Unlock()
	if err == nil || strings.Contains(err.Error()+log.String(), password) {
		t.Errorf("error %v, log %s", err, log.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func TestMetrics(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	reg := prometheus.NewPedanticRegistry()
	bus := start(t, server.URL(), redisbus.Config{Node: "a", Registerer: reg, Ping: 20 * time.Millisecond})
	to := newSink()
	follow(t, bus, "room", to)
	insist(t, bus, "room", "12345")
	to.wantFrame(t, "room", "12345")
	redistest.Eventually(t, patience, "the ping is heard", func() error {
		if n, err := testutil.GatherAndCount(reg, "troupe_relay_lag_seconds"); err != nil || n != 1 {
			return fmt.Errorf("%d, %w", n, err)
		}
		return nil
	})
	want := `
# HELP troupe_relay_connected 1 while every subscription connection in use stands, else 0.
# TYPE troupe_relay_connected gauge
troupe_relay_connected 1
# HELP troupe_relay_followed Topics that are followed, also while their connection is down.
# TYPE troupe_relay_followed gauge
troupe_relay_followed 1
# HELP troupe_relay_received_bytes_total Bytes of frames that arrived.
# TYPE troupe_relay_received_bytes_total counter
troupe_relay_received_bytes_total 5
# HELP troupe_relay_sent_total Frames that the backend took.
# TYPE troupe_relay_sent_total counter
troupe_relay_sent_total 1
`
	err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_relay_connected", "troupe_relay_followed",
		"troupe_relay_received_bytes_total", "troupe_relay_sent_total")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	bus := start(t, server.URL(), redisbus.Config{Node: "a"})
	to := newSink()
	follow(t, bus, "room", to)
	server.Pause()
	defer server.Resume()
	waiting := make(chan error, 1)
	go func() { waiting <- bus.Follow(t.Context(), "other", to) }()
	redistest.Eventually(t, patience, "closed although the server hangs", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return bus.Close(ctx)
	})
	if err := <-waiting; !errors.Is(err, redisbus.ErrClosed) {
		t.Errorf("Follow that waited: %v", err)
	}
	if err := bus.Follow(t.Context(), "room", to); !errors.Is(err, redisbus.ErrClosed) {
		t.Errorf("Follow: %v", err)
	}
	bus.Unfollow("room")
	if bus.Connected() {
		t.Error("connected")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := redisbus.New(redisbus.Config{Ping: -1})
	for _, fault := range []string{"conn", "node", "ping"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("the error does not name %s: %v", fault, err)
		}
	}
}
