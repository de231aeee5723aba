//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/bench/chaos/check"
)

// A subscriber follows all topics, whatever happens: it goes to the next node
// when it is cut off, and asks for what came after the last it had.
type subscriber struct {
	scene  *scene
	record *record
	node   int // where it is, or wants to be next
	random *rand.Rand

	mu     sync.Mutex
	places []place // by topic
	events int
	cutOff map[string]int // why, counted
}

// place is where a subscriber stands in a topic.
type place struct {
	known  bool
	joined bool
	asking bool
	epoch  string
	seq    uint64
}

func newSubscriber(s *scene, index int) (*subscriber, error) {
	r, err := newRecord(s.folder, fmt.Sprintf("subscriber-%03d", index))
	if err != nil {
		return nil, err
	}
	return &subscriber{scene: s, record: r, node: index % s.settings.nodes, cutOff: make(map[string]int),
		random: rand.New(rand.NewPCG(s.settings.seed, uint64(index))), places: make([]place, s.settings.topics)}, nil
}

// run follows until ctx ends.
func (u *subscriber) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := u.follow(ctx)
		var wrong *confusedError
		if errors.As(err, &wrong) {
			return errors.Join(err, u.record.close())
		}
		u.mu.Lock()
		u.cutOff[reason(err)]++
		u.mu.Unlock()
		u.node = (u.node + 1) % u.scene.settings.nodes
		pause(ctx, time.Duration(20+u.random.IntN(180))*time.Millisecond)
	}
	return u.record.close()
}

// confusedError is something that no node may send.
type confusedError struct{ what string }

func (e *confusedError) Error() string { return "chaos: " + e.what }

// follow is one connection.
func (u *subscriber) follow(ctx context.Context) error {
	l, err := dial(ctx, u.scene.nodes[u.node].address)
	if err != nil {
		return err
	}
	defer l.close()
	u.record.add(check.Line{Kind: check.Connected})
	for topic := range u.places {
		u.mu.Lock()
		u.places[topic].joined, u.places[topic].asking = false, false
		u.mu.Unlock()
		if err := u.subscribe(l, topic); err != nil {
			return err
		}
	}
	for {
		f, err := l.receive()
		if err != nil {
			return err
		}
		if err := u.take(l, f); err != nil {
			return err
		}
	}
}

// subscribe asks for a topic, from where the subscriber is. The reference is the
// topic's number, and one.
func (u *subscriber) subscribe(l *link, topic int) error {
	m := map[string]any{"type": "subscribe", "topic": u.scene.topics[topic], "ref": topic + 1}
	u.mu.Lock()
	at := &u.places[topic]
	if at.asking || at.joined {
		u.mu.Unlock()
		return nil
	}
	at.asking = true // nothing comes of the topic until the answer, so it stays where it is
	if at.known {
		m["since"], m["epoch"] = at.seq, at.epoch
	}
	u.mu.Unlock()
	return l.send(m)
}

func (u *subscriber) take(l *link, f frame) error {
	switch f.Type {
	case "welcome", "ping":
		return nil
	case "":
		return u.event(f)
	case "subscribed":
		return u.joined(f)
	case "subscribe-denied":
		return u.denied(l, f)
	}
	return &confusedError{fmt.Sprintf("a subscriber was sent %+v", f)}
}

func (u *subscriber) joined(f frame) error {
	topic, ok := u.scene.byName[f.Topic]
	if !ok || f.Epoch == "" {
		return &confusedError{fmt.Sprintf("a subscription to nothing: %+v", f)}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	at := &u.places[topic]
	line := check.Line{Kind: check.Joined, Topic: f.Topic, Epoch: f.Epoch, Seq: f.Seq, SinceEpoch: check.Live}
	if at.known {
		line.SinceEpoch, line.Since = at.epoch, at.seq
	} else {
		at.known, at.epoch, at.seq = true, f.Epoch, f.Seq
	}
	at.joined, at.asking = true, false
	u.record.add(line)
	return nil
}

// denied asks again: a backend that is away comes back. Without a reference a
// subscription that was there has ended.
func (u *subscriber) denied(l *link, f frame) error {
	topic, ok := u.scene.byName[f.Topic]
	if !ok || f.Reason != "UNAVAILABLE" {
		return &confusedError{fmt.Sprintf("refused: %+v", f)}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	at := &u.places[topic]
	if f.Ref != 0 {
		at.asking = false
	} else {
		at.joined = false
		u.record.add(check.Line{Kind: check.Left, Topic: f.Topic})
	}
	l.later(200*time.Millisecond, func() {
		_ = u.subscribe(l, topic) // a connection that is gone is noticed by its reader
	})
	return nil
}

func (u *subscriber) event(f frame) error {
	if f.Topic == "__system" {
		return u.system(f)
	}
	topic, ok := u.scene.byName[f.Topic]
	if !ok {
		return &confusedError{fmt.Sprintf("an event of no topic: %+v", f)}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	at := &u.places[topic]
	switch {
	case f.Event == "truncated" && f.Seq == 0:
		loss, err := lossOf(f)
		if err != nil {
			return err
		}
		u.record.add(loss)
		at.epoch, at.seq = loss.Epoch, loss.Oldest-1
	case f.Event == "stale" && f.Seq == 0:
		u.record.add(check.Line{Kind: check.Stale, Topic: f.Topic})
	default:
		id, err := idOf(f.Data)
		if err != nil {
			return err
		}
		u.record.add(check.Line{Kind: check.Event, Topic: f.Topic, Seq: f.Seq, ID: id})
		at.seq = f.Seq
		u.events++
	}
	return nil
}

// lossOf reads a `truncated`.
func lossOf(f frame) (check.Line, error) {
	var loss struct {
		Since, Oldest, Seq uint64
		Epoch              string
	}
	if err := json.Unmarshal(f.Data, &loss); err != nil || loss.Oldest == 0 || loss.Epoch == "" {
		return check.Line{}, &confusedError{fmt.Sprintf("truncated with %.200q", f.Data)}
	}
	return check.Line{Kind: check.Truncated, Topic: f.Topic, Since: loss.Since, Oldest: loss.Oldest, Seq: loss.Seq, Epoch: loss.Epoch}, nil
}

func (u *subscriber) system(f frame) error {
	var what struct{ Backend string }
	if err := json.Unmarshal(f.Data, &what); err != nil || what.Backend == "" {
		return &confusedError{fmt.Sprintf("health: %+v", f)}
	}
	switch f.Event {
	case "degraded":
		u.record.add(check.Line{Kind: check.Degraded, Topic: what.Backend})
	case "recovered":
		u.record.add(check.Line{Kind: check.Recovered, Topic: what.Backend})
	default:
		return &confusedError{fmt.Sprintf("health: %+v", f)}
	}
	return nil
}

// idOf is the id in the data of a message.
func idOf(data json.RawMessage) (string, error) {
	var m struct{ ID string }
	if err := json.Unmarshal(data, &m); err != nil || m.ID == "" {
		return "", &confusedError{fmt.Sprintf("a message without an id: %.200q", data)}
	}
	return m.ID, nil
}

// delivered is how many events there were.
func (u *subscriber) delivered() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.events
}

// where is where the subscriber stands.
func (u *subscriber) where() []place {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.places)
}

// missing is how many topics the subscriber does not follow.
func (u *subscriber) missing() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, at := range u.places {
		if !at.joined {
			n++
		}
	}
	return n
}

// behind is how many topics the subscriber is not at the end of.
func (u *subscriber) behind(ends []place) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for topic, at := range u.places {
		if !at.joined || at.epoch != ends[topic].epoch || at.seq != ends[topic].seq {
			n++
		}
	}
	return n
}

func reason(err error) string {
	var closed *closedError
	if errors.As(err, &closed) {
		return fmt.Sprintf("closed with %d", closed.code)
	}
	return "connection lost"
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
