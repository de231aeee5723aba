//go:build linux

package inproc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

const room = "room:bench"

// settleWithin is how long what was published may take to arrive.
const settleWithin = 10 * time.Second

// shared is the configuration of a node that shares the task's Redis or Postgres.
func (t Task) shared(cfg cluster.Config) cluster.Config {
	if cfg.Postgres = t.Postgres; t.Postgres == "" {
		cfg.Redis = "redis://" + t.Redis
	}
	return cfg
}

// startNode starts a node that shares the task's Redis or Postgres.
func startNode(ctx context.Context, t Task, id string) (*cluster.Node, error) {
	policy := topic.Policy{Match: "*", History: -1}
	if t.History {
		policy.History = 0 // the default
	}
	return cluster.Start(ctx, t.shared(cluster.Config{ID: id, Topics: []topic.Policy{policy}}))
}

// appendKept measures how many publishes the backend keeps: Window publishers, each of which waits for
// its answer and then goes on to the next topic.
func appendKept(ctx context.Context, t Task) (map[string]float64, error) {
	t.History = true
	node, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer node.Close()
	rooms := make([]topic.Room[message], max(1, t.Topics))
	for i := range rooms {
		rooms[i] = topic.Of[message](node.Topics(), room+strconv.Itoa(i))
	}
	value := message{From: "ann", Text: strings.Repeat("x", max(1, t.Payload-len(`{"from":"ann","text":""}`)))}
	m := &meter{}
	return m.run(ctx, t, t.Window, func(measured context.Context, i int) error {
		for ; measured.Err() == nil; i += t.Window {
			began := time.Now()
			if _, err := rooms[i%len(rooms)].Publish(ctx, "m", value); err != nil {
				return err
			}
			m.done(began)
		}
		return nil
	})
}

// relayed measures how many events get from a publisher on one node to a
// receiver on another, with at most Window of them on their way.
func relayed(ctx context.Context, t Task) (map[string]float64, error) {
	here, err := startNode(ctx, t, "a")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	there, err := startNode(ctx, t, "b")
	if err != nil {
		return nil, err
	}
	defer there.Close()
	r := &counter{order: check.NewOrder(1, 1), joined: make(chan error, 1), progress: make(chan struct{}, 1)}
	if err := subscribe(ctx, there.Topics(), r, r.joined); err != nil {
		return nil, err
	}
	// One publisher keeps the window full: what it posts keeps its order, and
	// the topic gathers while it is elsewhere.
	var sent, refused atomic.Int64
	figures, err := r.run(ctx, t, 1, func(measured context.Context, _ int) error {
		return post(measured, here.Topics(), t, r, &sent, &refused)
	})
	if err != nil {
		return nil, err
	}
	err = waitFor(ctx, settleWithin, "everything arrives", func() bool { return r.events.Load() >= sent.Load() })
	return figures, errors.Join(err, r.fault(sent.Load(), refused.Load()))
}

// subscribe returns when the receiver is joined.
func subscribe(ctx context.Context, topics *topic.Topics, to topic.Outlet, joined <-chan error) error {
	err := topics.Subscribe(room, topic.Subscription{Outlet: to})
	if err == nil {
		select {
		case err = <-joined:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("inproc: subscribe: %w", err)
	}
	return nil
}

// post publishes for as long as measured lasts, as fast as the window allows.
func post(measured context.Context, topics *topic.Topics, t Task, r *counter, sent, refused *atomic.Int64) error {
	answered := func(_ topic.Receipt, err error) {
		if err != nil {
			refused.Add(1)
		}
	}
	for measured.Err() == nil {
		if sent.Load()-r.events.Load() >= int64(t.Window) {
			select {
			case <-r.progress:
			case <-measured.Done():
			}
			continue
		}
		mark := check.Mark{Number: uint32(sent.Add(1)), At: uint64(sinceStart())}
		m := topic.Message{Event: "m", Data: check.AppendPayload(make([]byte, 0, t.Payload+64), mark, t.Payload), Checked: true}
		err := topics.Post(room, m, answered)
		for ; errors.Is(err, topic.ErrOverloaded) && measured.Err() == nil; err = topics.Post(room, m, answered) {
			runtime.Gosched()
		}
		if err != nil {
			sent.Add(-1)
			if !errors.Is(err, topic.ErrOverloaded) {
				return err
			}
		}
	}
	return nil
}

// A counter is a receiver that checks what it gets.
type counter struct {
	meter
	order    *check.Order // owned by the topic's goroutine until everything has arrived
	joined   chan error
	progress chan struct{} // holds a token when something has come
	lost     atomic.Int64  // announcements
}

// Deliver implements topic.Outlet.
func (c *counter) Deliver(_ string, b *topic.Batch) {
	for _, e := range b.Events {
		if check.Scan(e.Data(), func(m check.Mark) {
			c.order.See(0, m)
			c.took(sinceStart() - time.Duration(m.At))
		}) == 0 {
			c.lost.Add(1)
		}
	}
	select {
	case c.progress <- struct{}{}:
	default:
	}
}

// Joined implements topic.Outlet.
func (c *counter) Joined(_ string, _ any, j topic.Joined) { c.joined <- j.Err }

// Left implements topic.Outlet.
func (c *counter) Left(string, any) {}

// Closed implements topic.Outlet.
func (c *counter) Closed(string, error) {}

// fault is what was wrong, once everything has arrived or clearly will not.
func (c *counter) fault(sent, refused int64) error {
	c.order.End(0, 0, uint32(sent))
	f := c.order.Faults()
	if f.Total() == 0 && refused == 0 && c.lost.Load() == 0 {
		return nil
	}
	return fmt.Errorf("inproc: %d lost, %d duplicated, %d reordered, %d refused, %d announcements of loss",
		f.Lost, f.Duplicated, f.Reordered, refused, c.lost.Load())
}
