//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/bench/chaos/check"
)

const (
	publisherTick = 5 * time.Millisecond
	// answerWithin is when a publish without an answer is repeated.
	answerWithin = 10 * time.Second
)

// A publisher publishes its messages, each under an id of its own, and repeats
// what was not acknowledged under the same id.
type publisher struct {
	scene  *scene
	record *record
	index  int
	node   int
	random *rand.Rand
	pad    string

	waiting map[int]*sending // by reference, which is the message's number
	next    int              // number of the next message
	began   time.Time

	asked   atomic.Int64
	acked   atomic.Int64
	repeats atomic.Int64
}

// sending is a message that is not acknowledged yet.
type sending struct {
	id    string
	topic string
	due   time.Time // when to send it again
}

func newPublisher(s *scene, index int) (*publisher, error) {
	r, err := newRecord(s.folder, fmt.Sprintf("publisher-%03d", index))
	if err != nil {
		return nil, err
	}
	return &publisher{scene: s, record: r, index: index, node: index % s.settings.nodes, next: 1,
		random:  rand.New(rand.NewPCG(s.settings.seed, 1<<32+uint64(index))),
		pad:     strings.Repeat("x", max(0, s.settings.payload-40)),
		waiting: make(map[int]*sending)}, nil
}

// count is how many messages are this publisher's.
func (p *publisher) count() int {
	n := p.scene.settings.messages / p.scene.settings.publishers
	if p.index < p.scene.settings.messages%p.scene.settings.publishers {
		n++
	}
	return n
}

func (p *publisher) done() bool { return p.next > p.count() && len(p.waiting) == 0 }

// run publishes until everything is acknowledged, or ctx ends, which the cause of
// that has to explain.
func (p *publisher) run(ctx context.Context) error {
	p.began = time.Now()
	for !p.done() && ctx.Err() == nil {
		err := p.publish(ctx)
		var wrong *confusedError
		if errors.As(err, &wrong) {
			return errors.Join(err, p.record.close())
		}
		p.node = (p.node + 1) % p.scene.settings.nodes
		for _, m := range p.waiting {
			m.due = time.Time{} // whether it was kept is unknown
		}
		if !p.done() {
			pause(ctx, time.Duration(20+p.random.IntN(180))*time.Millisecond)
		}
	}
	return p.record.close()
}

// publish is one connection.
func (p *publisher) publish(ctx context.Context) error {
	l, err := dial(ctx, p.scene.nodes[p.node].address)
	if err != nil {
		return err
	}
	answers, failed := make(chan frame), make(chan error, 1)
	reading := make(chan struct{})
	go func() { // ends with the link, which is closed below and waited for
		defer close(reading)
		failed <- receiveAll(l, answers)
	}()
	defer func() {
		l.close()
		<-reading
	}()
	tick := time.NewTicker(publisherTick)
	defer tick.Stop()
	for !p.done() {
		select {
		case f := <-answers:
			err = p.take(f)
		case err = <-failed:
		case <-tick.C:
			err = p.sendDue(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func receiveAll(l *link, to chan<- frame) error {
	for {
		f, err := l.receive()
		if err != nil {
			return err
		}
		select {
		case to <- f:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

// sendDue repeats what is due, and begins as many new messages as rate and
// window allow.
func (p *publisher) sendDue(l *link) error {
	now := time.Now()
	for ref, m := range p.waiting {
		if !now.Before(m.due) {
			p.repeats.Add(1)
			if err := p.send(l, ref, m, now); err != nil {
				return err
			}
		}
	}
	return p.sendNew(l, now)
}

func (p *publisher) sendNew(l *link, now time.Time) error {
	s := p.scene.settings
	allowed := p.count()
	if !p.scene.quiet.Load() {
		allowed = allowed * 9 / 10 // all trouble is made while there is something to disturb
	}
	if s.rate > 0 {
		allowed = min(allowed, 1+int(now.Sub(p.began).Seconds()*float64(s.rate)/float64(s.publishers)))
	}
	for p.next <= allowed && len(p.waiting) < s.window {
		m := &sending{id: fmt.Sprintf("p%03d-%07d", p.index, p.next), topic: p.scene.topics[p.random.IntN(s.topics)]}
		p.record.add(check.Line{Kind: check.Asked, Topic: m.topic, ID: m.id})
		p.asked.Add(1)
		p.waiting[p.next] = m
		p.next++
		if err := p.send(l, p.next-1, m, now); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) send(l *link, ref int, m *sending, now time.Time) error {
	m.due = now.Add(answerWithin)
	return l.send(map[string]any{"type": "publish", "topic": m.topic, "event": "m", "ref": ref, "id": m.id,
		"data": json.RawMessage(`{"id":"` + m.id + `","p":"` + p.pad + `"}`)})
}

func (p *publisher) take(f frame) error {
	switch f.Type {
	case "welcome", "ping":
		return nil
	case "":
		if f.Topic == "__system" {
			return nil
		}
	case "published":
		if m := p.waiting[f.Ref]; m != nil { // otherwise it was acknowledged before
			p.record.add(check.Line{Kind: check.Acked, Topic: m.topic, ID: m.id, Epoch: f.Epoch, Seq: f.Seq, Duplicate: f.Duplicate})
			delete(p.waiting, f.Ref)
			p.acked.Add(1)
		}
		// What was acknowledged makes room at once when there is no rate.
		return nil
	case "publish-denied":
		if f.Reason == "UNAVAILABLE" || f.Reason == "RATE_LIMITED" {
			if m := p.waiting[f.Ref]; m != nil {
				m.due = time.Now().Add(time.Duration(max(f.RetryAfterMs, 50+p.random.IntN(100))) * time.Millisecond)
			}
			return nil
		}
	}
	return &confusedError{fmt.Sprintf("a publisher was sent %+v", f)}
}
