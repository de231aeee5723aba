package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus"
)

// A task is what package bench/inproc calls a Task.
type task struct {
	Program string `json:"program"` // "append", "relay" or "presence"
	History bool   `json:"history"`
	Payload int    `json:"payload"` // bytes
	Window  int    `json:"window"`  // publishes in flight
	Millis  int    `json:"millis"`  // of the measured part
	Redis   string `json:"redis"`   // host:port
	Room    int    `json:"room"`    // who is there
}

func runTask(ctx context.Context, text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	here, err := taskNode(t, nil)
	if err != nil {
		return err
	}
	defer here.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // The process ends with it.
	m := &meter{}
	publish := func(context.Context) error { return m.publish(here, t) }
	if t.Program == "presence" {
		if publish, err = comeAndGo(here, t, m); err != nil {
			return err
		}
	}
	var arrived func() bool
	if t.Program == "relay" {
		there, err := taskNode(t, m)
		if err != nil {
			return err
		}
		defer there.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // The process ends with it.
		if err := receive(ctx, there, m); err != nil {
			return err
		}
		m.free = make(chan struct{}, t.Window)
		publish = func(ctx context.Context) error {
			select {
			case m.free <- struct{}{}:
				return m.post(here, t)
			case <-ctx.Done():
				return nil
			}
		}
		arrived = func() bool { return m.events.Load() >= m.sent.Load() }
	}
	figures, err := m.run(ctx, t, publish, arrived)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}

const taskChannel = "kept:bench"

// taskNode is a node of its own. One with a meter is for receiving.
func taskNode(t task, m *meter) (*centrifuge.Node, error) {
	registry := prometheus.NewRegistry()
	node, err := centrifuge.New(centrifuge.Config{Metrics: centrifuge.MetricsConfig{RegistererGatherer: registry}})
	if err != nil {
		return nil, fmt.Errorf("create the node: %w", err)
	}
	if err := shareRedis(node, t.Redis); err != nil {
		return nil, err
	}
	if m != nil {
		node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
			return centrifuge.ConnectReply{
				Credentials:   &centrifuge.Credentials{UserID: "bench"},
				Subscriptions: map[string]centrifuge.SubscribeOptions{taskChannel: {EnableRecovery: t.History}},
			}, nil
		})
	}
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("run the node: %w", err)
	}
	return node, nil
}

// A meter counts what is done and how long it took.
type meter struct {
	sent   atomic.Int64
	events atomic.Int64
	free   chan struct{} // one token per publish that has not arrived

	mu      sync.Mutex
	samples []time.Duration
}

// done counts an event; one in sixteen is timed.
func (m *meter) done(began time.Time) {
	if m.events.Add(1)&15 != 0 {
		return
	}
	m.mu.Lock()
	m.samples = append(m.samples, time.Since(began))
	m.mu.Unlock()
}

func (m *meter) post(node *centrifuge.Node, t task) error {
	var opts []centrifuge.PublishOption
	if t.History {
		opts = append(opts, centrifuge.WithHistory(historySize, historyTTL))
	}
	m.sent.Add(1)
	_, err := node.Publish(taskChannel, stamp(t.Payload), opts...)
	return err
}

func (m *meter) publish(node *centrifuge.Node, t task) error {
	began := time.Now()
	err := m.post(node, t)
	m.done(began)
	return err
}

// run lets as many publish as the window says, and measures after a warm-up.
func (m *meter) run(ctx context.Context, t task, publish func(context.Context) error, arrived func() bool) (map[string]float64, error) {
	measured := time.Duration(t.Millis) * time.Millisecond
	ctx, stop := context.WithTimeout(ctx, measured*5/4)
	defer stop()
	var all sync.WaitGroup
	errs := make([]error, t.Window)
	for i := range t.Window {
		all.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				errs[i] = publish(ctx)
			}
		})
	}
	<-time.After(measured / 4)
	m.mu.Lock()
	m.samples = m.samples[:0]
	m.mu.Unlock()
	began, cpu, events := time.Now(), cpuTime(), m.events.Load()
	<-ctx.Done()
	took, spent, n := time.Since(began), cpuTime()-cpu, float64(m.events.Load()-events)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
	}
	if arrived != nil {
		if err := settle(arrived); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.samples)
	return map[string]float64{
		"events": float64(m.events.Load()), "events_per_s": n / took.Seconds(), "cpu_us_per_event": spent.Seconds() * 1e6 / n,
		"p50_ms": quantile(m.samples, 0.5), "p99_ms": quantile(m.samples, 0.99),
	}, nil
}

func settle(arrived func() bool) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.After(10 * time.Second)
	for !arrived() {
		select {
		case <-poll.C:
		case <-late:
			return fmt.Errorf("some of what was published never arrived")
		}
	}
	return nil
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Seconds() * 1e3
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const stampLead, stampDigits = `{"t":"`, 19

// stamp is a payload that carries the time.
func stamp(size int) []byte {
	b := append(make([]byte, 0, size+32), stampLead...)
	b = strconv.AppendInt(b, time.Now().UnixNano(), 10)
	b = append(b, `","p":"`...)
	for len(b) < size-2 {
		b = append(b, 'x')
	}
	return append(b, `"}`...)
}
