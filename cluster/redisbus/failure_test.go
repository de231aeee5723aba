package redisbus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
	"github.com/troupe-rt/troupe/cluster/redisbus"
	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func follow(t testing.TB, bus *redisbus.Bus, name string, to *sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := bus.Follow(ctx, name, to); err != nil {
		t.Fatal(err)
	}
}

// insist publishes until that works.
func insist(t testing.TB, bus *redisbus.Bus, name, frame string) {
	t.Helper()
	redistest.Eventually(t, patience, "publishing works", func() error {
		return bus.Publish(t.Context(), name, []byte(frame))
	})
}

// A letter is a frame that was published without an error.
type letter struct {
	frame        string
	began, ended time.Time
}

func TestKillsUnderTraffic(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	killUnderTraffic(t, server.URL(), server)
}

func TestKillsUnderTrafficSharded(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	killUnderTraffic(t, cluster.URLs(), cluster.Nodes...)
}

// killUnderTraffic ends all subscription connections ten times a second.
func killUnderTraffic(t *testing.T, url string, servers ...*redistest.Server) {
	t.Helper()
	var admins []*redis.Client
	for _, server := range servers {
		admins = append(admins, server.Client(t))
	}
	receiver := start(t, url, redisbus.Config{Node: "receiver"})
	to := newSink()
	follow(t, receiver, "room", to)

	stop := make(chan struct{})
	var running sync.WaitGroup
	sent := make([][]letter, 2)
	for i := range sent {
		bus := start(t, url, redisbus.Config{Node: fmt.Sprint("sender", i)})
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				l := letter{frame: fmt.Sprintf("%d/%d", i, n), began: time.Now()}
				if bus.Publish(t.Context(), "room", []byte(l.frame)) == nil {
					l.ended = time.Now()
					sent[i] = append(sent[i], l)
				}
			}
		})
	}
	kill := time.NewTicker(100 * time.Millisecond)
	defer kill.Stop()
	for range 30 {
		<-kill.C
		for _, admin := range admins {
			if err := admin.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	running.Wait()
	ends := 0
	redistest.Eventually(t, patience, "frames arrive again", func() error {
		insist(t, receiver, "room", fmt.Sprint("end", ends))
		ends++
		if got := to.got("room"); !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "end") }) {
			return fmt.Errorf("got %d", len(got))
		}
		return nil
	})
	lost := checkLetters(t, to, sent)
	told := to.interruptions("room")
	t.Logf("sent %d and %d, lost %d, told of %d interruptions", len(sent[0]), len(sent[1]), lost, len(told))
	if len(told) < 15 || len(told) > 31 {
		t.Errorf("told of %d interruptions, there were about 30", len(told))
	}
}

// checkLetters wants each letter once, in order, or inside an interruption.
func checkLetters(t *testing.T, to *sink, sent [][]letter) (lost int) {
	t.Helper()
	at := map[string]int{}
	for i, frame := range to.got("room") {
		if _, twice := at[frame]; twice {
			t.Errorf("frame %s came twice", frame)
		}
		at[frame] = i
	}
	told := to.interruptions("room")
	for _, letters := range sent {
		last := -1
		for _, l := range letters {
			i, came := at[l.frame]
			switch {
			case came && i < last:
				t.Errorf("frame %s is out of order", l.frame)
			case came:
				last = i
			case !slices.ContainsFunc(told, func(r interruption) bool {
				return !l.ended.Before(r.since) && !l.began.After(r.at)
			}):
				t.Errorf("frame %s is missing, and nobody said so", l.frame)
			default:
				lost++
			}
		}
	}
	return lost
}

func TestRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a := start(t, server.URL(), redisbus.Config{Node: "a"})
	b := start(t, server.URL(), redisbus.Config{Node: "b"})
	to := newSink()
	follow(t, b, "room", to)
	server.Stop(t, true)
	redistest.Eventually(t, patience, "the loss is noticed", func() error {
		if a.Connected() || b.Connected() {
			return errors.New("connected")
		}
		return nil
	})
	if err := a.Publish(t.Context(), "room", []byte("lost")); err == nil {
		t.Error("published without a server")
	}
	server.Run(t)
	to.wantRestored(t, "room", 1)
	insist(t, a, "room", "end")
	to.wantFrame(t, "room", "end")
	if !b.Connected() {
		t.Error("not connected")
	}
}

// TestHalfOpen leaves the subscription's connection open but deaf, while publishing
// works.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a := start(t, server.URL(), redisbus.Config{Node: "a"})
	way := startDeafener(t, server.Addr())
	b := start(t, way.url(), redisbus.Config{Node: "b", Ping: 50 * time.Millisecond})
	to := newSink()
	follow(t, b, "room", to)
	insist(t, a, "room", "before")
	to.wantFrame(t, "room", "before")
	way.deafen()
	began := time.Now()
	insist(t, a, "room", "lost")
	to.wantRestored(t, "room", 1)
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("noticed after %v, before five pings were missed", took)
	}
	if since := to.interruptions("room")[0].since; since.After(began) {
		t.Errorf("restored since %v after it became deaf", since.Sub(began))
	}
	insist(t, a, "room", "end")
	to.wantFrame(t, "room", "end")
	if got := to.got("room"); !slices.Equal(got, []string{"before", "end"}) {
		t.Errorf("got %q", got)
	}
}

// TestPaused stops the server for longer than pings may be missed. Nothing is lost,
// and nothing is said.
func TestPaused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: server.URL(), Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	bus := start(t, "", redisbus.Config{Conn: conn, Node: "b", Ping: 50 * time.Millisecond})
	to := newSink()
	follow(t, bus, "room", to)
	server.Pause()
	began := time.Now()
	if err := bus.Publish(t.Context(), "room", []byte("x")); err == nil {
		t.Error("published to a server that is stopped")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if err := bus.Follow(ctx, "other", to); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Follow: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("calls took %v", took)
	}
	server.Resume()
	insist(t, bus, "room", "end")
	to.wantFrame(t, "room", "end")
	follow(t, bus, "other", to)
}

func startBreaker(t *testing.T, o breaker.Options) *breaker.Breaker {
	t.Helper()
	system := actors.NewSystem(actors.Config{})
	t.Cleanup(func() { _ = system.Close(context.Background()) })
	o.Backend, o.Answered = "redis", redisconn.Answered
	br, err := breaker.New(system, o)
	if err != nil {
		t.Fatal(err)
	}
	return br
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	br := startBreaker(t, breaker.Options{FailureThreshold: 3, ResetTimeout: 200 * time.Millisecond})
	conn, err := redisconn.Open(t.Context(), redisconn.Config{URL: server.URL(), Breaker: br})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	bus := start(t, "", redisbus.Config{Conn: conn, Node: "b", Ping: 50 * time.Millisecond})
	to := newSink()
	follow(t, bus, "room", to)
	server.Stop(t, true)
	redistest.Eventually(t, patience, "the loss is noticed", func() error {
		if bus.Connected() {
			return errors.New("connected")
		}
		return nil
	})
	// Nobody calls; the breaker must hear of it all the same.
	waiting := make(chan error, 1)
	go func() { waiting <- bus.Follow(t.Context(), "waits", to) }()
	redistest.Eventually(t, patience, "the breaker opens", func() error {
		if br.State() == breaker.Healthy {
			return errors.New("healthy")
		}
		return nil
	})
	select {
	case err := <-waiting:
		if !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("Follow that waited: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Follow waits although the breaker is open")
	}
	began := time.Now()
	if err := bus.Follow(t.Context(), "new", to); !errors.Is(err, breaker.ErrOpen) || time.Since(began) > time.Second {
		t.Errorf("Follow while the breaker is open: %v after %v", err, time.Since(began))
	}
	if err := bus.Publish(t.Context(), "room", []byte("x")); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("BUS-14: Publish while the breaker is open: %v", err)
	}
	server.Run(t)
	redistest.Eventually(t, patience, "the ping heals the breaker", func() error {
		if br.State() != breaker.Healthy {
			return errors.New(br.State().String())
		}
		return nil
	})
	to.wantRestored(t, "room", 1)
	follow(t, bus, "new", to)
	insist(t, bus, "new", "end")
	to.wantFrame(t, "new", "end")
}

func TestBUS20TooLarge(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client(t)
	reg := prometheus.NewPedanticRegistry()
	bus := start(t, server.URL(), redisbus.Config{Node: "a", Registerer: reg})
	to := newSink()
	follow(t, bus, "room", to)
	if err := bus.Publish(t.Context(), "room", make([]byte, redisbus.MaxFrame+1)); !errors.Is(err, redisbus.ErrTooLarge) {
		t.Errorf("Publish: %v", err)
	}
	channel := redisconn.NamesFor(redisconn.DefaultPrefix).Channel("room")
	for _, message := range []string{strings.Repeat("x", redisbus.MaxFrame+1), "end"} {
		if err := admin.Publish(t.Context(), channel, message).Err(); err != nil {
			t.Fatal(err)
		}
	}
	to.wantFrame(t, "room", "end")
	if got := to.got("room"); len(got) != 1 {
		t.Errorf("got %d frames", len(got))
	}
	want := `
# HELP troupe_relay_invalid_total Messages that were not handed on, by reason.
# TYPE troupe_relay_invalid_total counter
troupe_relay_invalid_total{reason="channel"} 0
troupe_relay_invalid_total{reason="size"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_relay_invalid_total"); err != nil {
		t.Error(err)
	}
}
