package gateway

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"

	"github.com/troupe-rt/troupe/topic"
)

// maxBatch is how many topics one subscribe-batch may name.
const maxBatch = 256

// A resume waits until each of its topics has been answered.
type resume struct{ left atomic.Int64 }

// done notes one answer and reports whether it was the last.
func (r *resume) done() bool { return r != nil && r.left.Add(-1) == 0 }

func (s *session) onSubscribe(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	seq, epoch, ok, err := f.since()
	if err != nil {
		return err
	}
	bare, err := f.bare()
	if err != nil {
		return err
	}
	a := ask{ref: bytes.Clone(ref), bare: bare}
	if ok {
		a.since = &topic.Position{Epoch: epoch, Seq: seq}
	}
	s.subscribe(name, a)
	return nil
}

func (s *session) onSubscribeBatch(p *parser) error {
	ref, err := p.frame.ref(fieldRef)
	if err != nil {
		return err
	}
	names, err := p.list(fieldTopics)
	if err != nil {
		return err
	}
	ref = bytes.Clone(ref)
	for _, name := range names[:min(len(names), maxBatch)] {
		s.subscribe(name, ask{ref: ref})
	}
	if len(names) > maxBatch {
		var denials []byte
		for _, name := range names[maxBatch:] {
			denials = appendDenied(denials, string(name), ref, reasonRate)
		}
		s.send(denials)
	}
	return nil
}

func (s *session) onResume(p *parser) error {
	seen, err := p.places()
	if err != nil {
		return err
	}
	r := &resume{}
	r.left.Store(int64(len(seen)) + 1) // one for this loop
	for _, at := range seen {
		s.subscribe([]byte(at.topic), ask{since: &topic.Position{Epoch: at.epoch, Seq: at.seq}, resume: r})
	}
	s.shard.put(item{kind: itemCall, ptr: func() { s.shard.complete(s, r) }})
	return nil
}

func (s *session) onUnsubscribe(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	if about, ok := strings.CutPrefix(string(name), presencePrefix); ok {
		s.unwatch(about)
		return nil
	}
	n, reason := s.named(name)
	if reason != "" {
		s.send(appendError(nil, nil, reason, "topic is not one that clients can follow"))
		return nil
	}
	s.drop(n)
	return nil
}

// subscribe follows a topic, or answers why not. The shard answers the rest.
func (s *session) subscribe(name []byte, a ask) {
	n, reason := s.named(name)
	if reason == "" {
		reason = s.mayFollow(n)
	}
	if reason != "" {
		s.drop(n)
		s.send(appendDenied(nil, n, a.ref, reason))
		a.resume.done() // onResume holds it open
		return
	}
	s.mu.Lock()
	r := s.places.get(n)
	if r == nil {
		r = &receiver{session: s, topic: n, at: -1}
		s.places.add(r)
		s.g.m.subscriptions.Inc()
	}
	r.asks = append(r.asks, a)
	var err error
	if len(r.asks) == 1 {
		err = s.join(r)
	}
	s.mu.Unlock()
	if err != nil { // the shard has the code for it
		s.shard.Joined(n, r, topic.Joined{Err: err})
	}
}

// mayFollow returns the reason why the client may not follow a topic.
func (s *session) mayFollow(name string) string {
	s.mu.Lock()
	full := s.full() && s.places.get(name) == nil
	s.mu.Unlock()
	if full {
		return reasonRate
	}
	return s.mayRead(name)
}

// mayRead asks the embedding program.
func (s *session) mayRead(name string) string {
	hook := s.g.o.CanSubscribe
	if hook == nil {
		return ""
	}
	err := s.hook("subscribe", func(ctx context.Context) error { return hook(ctx, &s.client, name) })
	if err == nil {
		return ""
	}
	return reasonOf(err)
}

// join sends the receiver's first ask to the topic. There is never more than one
// on its way, so that answers come in order. The caller holds mu.
func (s *session) join(r *receiver) error {
	return s.g.topics.Subscribe(r.topic, topic.Subscription{Outlet: s.shard, Receiver: r, Since: r.asks[0].since})
}

// drop ends a subscription, if there is one.
func (s *session) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.places.get(name); r != nil {
		s.forget(r)
	}
}

// forget takes a receiver out and unsubscribes it. Asks that are still open are
// answered by Left. The caller holds mu.
func (s *session) forget(r *receiver) bool {
	if !s.places.remove(r) {
		return false
	}
	s.g.m.subscriptions.Dec()
	r.gone = true
	s.leave(r)
	s.detach(r)
	return true
}

// answered takes the ask that a topic has answered, and sends the next. The
// shard calls it. After an error the client does not follow the topic; open then
// has the asks that share that fate.
func (s *session) answered(r *receiver, err error) (a ask, open []ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(r.asks) == 0 {
		return ask{}, nil
	}
	a, r.asks = r.asks[0], r.asks[1:]
	if err == nil && !r.gone && !a.bare {
		s.attach(r)
	}
	if err == nil && len(r.asks) > 0 && !r.gone {
		err = s.join(r)
		if err == nil {
			return a, nil
		}
		s.forget(r)
		return a, s.open(r)
	}
	if err != nil {
		s.forget(r)
		return a, s.open(r)
	}
	if len(r.asks) == 0 {
		r.asks = nil
	}
	return a, nil
}

// open takes what has not been answered. The caller holds mu.
func (s *session) open(r *receiver) []ask {
	open := r.asks
	r.asks = nil
	return open
}

// gaveUp takes the asks of a receiver that has left.
func (s *session) gaveUp(r *receiver) []ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	return s.open(r)
}

// lost forgets a receiver whose topic has ended, and reports whether the client
// still followed it.
func (s *session) lost(r *receiver) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if r.channel != onTopic {
		return s.vacate(r)
	}
	if !s.places.remove(r) {
		return false
	}
	s.g.m.subscriptions.Dec()
	r.gone = true
	s.detach(r)
	return true
}
