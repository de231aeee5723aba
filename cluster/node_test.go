package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors/ratelimit"
	"github.com/troupe-rt/troupe/cursor"
	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/presence"
	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil && !errors.Is(err, errClosed) {
			t.Logf("Close: %v", err)
		}
	})
	return n
}

func publish(t *testing.T, n *Node, name string) topic.Receipt {
	t.Helper()
	r, err := n.Topics().Publish(t.Context(), name, topic.Message{Event: "e", Data: []byte(`1`)})
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return r
}

func TestZeroConfigWorks(t *testing.T) {
	t.Parallel()
	n := start(t, Config{})
	publish(t, n, "room:1")
	if r := publish(t, n, "room:1"); r.Position.Seq != 2 {
		t.Errorf("second event has position %v", r.Position)
	}
	h, err := n.Topics().History(t.Context(), "room:1", topic.Position{}, 10)
	if err != nil || len(h.Events) != 2 {
		t.Errorf("history %v, %v", h.Events, err)
	}
	if len(n.ID()) != 8 || n.System() == nil {
		t.Errorf("id %q, system %v", n.ID(), n.System())
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Config{
		ID:           "a b",
		Memory:       -1,
		DrainTimeout: -1,
		Topics:       []topic.Policy{{}, {Match: "[", History: -5, TTL: -1, Idle: -7, Dedup: -9, Slow: 9}},
		Presence:     []presence.Policy{{Match: "[", Grace: -1}},
		Cursors:      []cursor.Policy{{}, {Match: "[", TTL: 1}},
		Groups:       []group.Policy{{MaxMembers: -1}},
		Limits:       []ratelimit.Policy{{Name: "a", Points: 1, Interval: 1e9}, {Name: "a", Interval: 1e9}},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{"id", "memory", "drainTimeout", "topics[1].match", "topics[1].history.size",
		"topics[1].history.ttl", "topics[1].history.dedup", "topics[1].slow", "topics[1].idle", "presence[0].match", "presence[0].grace",
		"cursors[1].match", "cursors[1].ttl", "groups[0].maxMembers", "limits[1].points", "limits[1].name"}
	var got []string
	all, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("not joined: %v", err)
	}
	for _, e := range all.Unwrap() {
		var c *ConfigError
		if !errors.As(e, &c) || c.Rule == "" {
			t.Fatalf("not a ConfigError: %v", e)
		}
		got = append(got, c.Field)
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults of %v, want %v", got, want)
	}
}

func TestConfigReachesTopics(t *testing.T) {
	t.Parallel()
	n := start(t, Config{Topics: []topic.Policy{{Match: "quiet:*", History: -1}, {Match: "*", History: 1}}})
	if r := publish(t, n, "quiet:1"); r.Position.Seq != 0 {
		t.Errorf("a topic without history has position %v", r.Position)
	}
	publish(t, n, "loud")
	publish(t, n, "loud")
	h, err := n.Topics().History(t.Context(), "loud", topic.Position{}, 10)
	if err != nil || len(h.Events) != 1 || !h.Truncated {
		t.Errorf("history %d events, truncated %v, %v", len(h.Events), h.Truncated, err)
	}
}

func TestNodesAreApart(t *testing.T) {
	t.Parallel()
	a, b := start(t, Config{}), start(t, Config{})
	publish(t, a, "x")
	if r := publish(t, b, "x"); r.Position.Seq != 1 || a.ID() == b.ID() {
		t.Errorf("second node begins at %v; ids %s %s", r.Position, a.ID(), b.ID())
	}
}

func TestRegistererServesOneNode(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	start(t, Config{Registerer: reg})
	_, err := Start(t.Context(), Config{Registerer: reg})
	var c *ConfigError
	if !errors.As(err, &c) || c.Field != "registerer" {
		t.Errorf("second node: %v", err)
	}
}

func TestStartWithEndedContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDrainOrder(t *testing.T) {
	t.Parallel()
	n := start(t, Config{})
	var order []string
	hook := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			if _, err := n.Topics().Publish(ctx, "x", topic.Message{Event: "e"}); err != nil {
				t.Errorf("topics were down before hook %s: %v", name, err)
			}
			order = append(order, name)
			return nil
		}
	}
	n.OnDrain(hook("first"))
	n.OnDrain(func(ctx context.Context) error {
		n.OnDrain(hook("late"))
		return hook("second")(ctx)
	})
	if err := n.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"second", "late", "first"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if _, err := n.Topics().Publish(t.Context(), "x", topic.Message{Event: "e"}); !errors.Is(err, topic.ErrClosed) {
		t.Errorf("publish after drain: %v", err)
	}
	select {
	case <-n.Done():
	default:
		t.Error("Done is open after Drain")
	}
}

func TestDrainAnswersWhatWasAccepted(t *testing.T) {
	t.Parallel()
	n := start(t, Config{})
	const count = 1000
	var answered, accepted atomic.Int64
	for range count {
		err := n.Topics().Post("x", topic.Message{Event: "e"}, func(_ topic.Receipt, err error) {
			if err == nil {
				answered.Add(1)
			}
		})
		if err == nil {
			accepted.Add(1)
		}
	}
	if err := n.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answered.Load() != accepted.Load() || accepted.Load() == 0 {
		t.Errorf("%d of %d accepted publishes were answered", answered.Load(), accepted.Load())
	}
}

func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, err := Start(context.Background(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		stuck, ran := make(chan struct{}), false
		n.OnDrain(func(context.Context) error { ran = true; return nil })
		n.OnDrain(func(context.Context) error { panic("secret") })
		n.OnDrain(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		n.OnDrain(func(context.Context) error { <-stuck; return nil })
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err = n.Drain(ctx)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("took %s", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !ran {
			t.Errorf("error %v, other hook ran: %v", err, ran)
		}
		for _, want := range []string{"drain hook of github.com/troupe-rt/troupe/cluster.TestDrainIsBounded", "did not finish", "panicked"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error does not say %q: %v", want, err)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("error shows what was passed to panic: %v", err)
		}
		close(stuck)
		synctest.Wait()
	})
}

func TestDrainTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, err := Start(context.Background(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		errHook := errors.New("hook failed")
		n.OnDrain(func(ctx context.Context) error { <-ctx.Done(); return errHook })
		first := make(chan error, 1)
		go func() { first <- n.Drain(context.Background()) }()
		synctest.Wait()
		// The first call has all the time of the world; the second has not.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := n.Drain(ctx); !errors.Is(err, errHook) {
			t.Errorf("second call: %v", err)
		}
		if err := <-first; !errors.Is(err, errHook) {
			t.Errorf("first call: %v", err)
		}
		if err := n.Close(); !errors.Is(err, errHook) {
			t.Errorf("Close afterwards: %v", err)
		}
	})
}

func TestContextEndsNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		n, err := Start(ctx, Config{DrainTimeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		var bound time.Duration
		n.OnDrain(func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			bound = time.Until(deadline)
			return nil
		})
		cancel()
		<-n.Done()
		if bound != 3*time.Second {
			t.Errorf("hook had %s", bound)
		}
	})
}

func TestCloseTellsHooks(t *testing.T) {
	t.Parallel()
	n := start(t, Config{})
	told := false
	n.OnDrain(func(ctx context.Context) error { told = ctx.Err() != nil; return nil })
	if err := n.Close(); err != nil || !told {
		t.Errorf("Close: %v; hook saw an ended context: %v", err, told)
	}
}
