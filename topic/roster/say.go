package roster

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

// errBusy refuses a word because too many wait for the Relay.
var errBusy = errors.New("too much waits for the relay")

// maxSenders bounds the senders whose numbers are remembered.
const maxSenders = 1024

// talk is what is said on a roster: numbered by each sender, so that a receiver
// notices what it lost.
type talk struct {
	sender  string // node and actor
	number  uint64
	waiting []*say
	sending bool
	heard   map[string]uint64
}

// say delivers a word here, and has it sent to the other nodes.
func (a *actor) say(s *say) {
	w := s.word
	switch {
	case a.state.closed:
		s.done(ErrClosed)
		return
	case w.Key != "" && a.state.members[w.Key] == nil:
		s.done(ErrAbsent)
		return
	case len(a.talk.waiting) >= maxWords:
		s.done(unavailable(a.name, errBusy))
		return
	}
	a.tell(w)
	if a.r.cfg.Relay == nil {
		s.done(nil)
		return
	}
	a.talk.waiting = append(a.talk.waiting, s)
}

// tell delivers a word to the sessions of this node that it is for.
func (a *actor) tell(w Word) {
	if a.out.Len() == 0 {
		return
	}
	b := a.face.Word(w)
	if b == nil || len(b.Events) == 0 {
		return
	}
	if w.Tag == "" && w.Key == "" {
		a.out.Send(b)
		return
	}
	if w.Key != "" {
		if m := a.local.keys[w.Key]; m != nil {
			for _, s := range m.seats {
				a.tellOne(s, w, b)
			}
		}
		return
	}
	for _, s := range a.local.seats {
		a.tellOne(s, w, b)
	}
}

func (a *actor) tellOne(s *seat, w Word, b *topic.Batch) {
	if s.Outlet != nil && (w.Tag == "" || w.Tag == s.Tag) {
		a.out.SendTo(s.Outlet, s.Receiver, b)
	}
}

// speak hands what waits to the Relay, one call at a time.
func (a *actor) speak(c *actors.Context[message]) {
	if a.talk.sending || len(a.talk.waiting) == 0 {
		return
	}
	a.talk.sending = true
	words := a.talk.waiting
	a.talk.waiting = nil
	frames := make([][]byte, len(words))
	for i, s := range words {
		a.talk.number++
		frames[i] = appendWord(nil, a.talk.sender, a.talk.number, s.word)
	}
	c.Go(func(ctx context.Context) message {
		ctx, cancel := context.WithTimeout(ctx, a.r.cfg.Timeout)
		defer cancel()
		for i, f := range frames {
			if err := a.r.cfg.Relay.Publish(ctx, a.name, f); err != nil {
				for _, s := range words[:i] {
					s.done(nil)
				}
				return &said{words[i:], err}
			}
		}
		return &said{words, nil}
	}, func(err error) message { return &said{words, err} })
}

func (a *actor) said(c *actors.Context[message], m *said) {
	a.talk.sending = false
	var err error
	if m.err != nil {
		a.failed(c, "say", m.err)
		err = unavailable(a.name, m.err)
	}
	for _, s := range m.words {
		s.done(err)
	}
}

// heard delivers what another node said. A number that was left out is announced.
func (a *actor) heard(f frame) {
	if end := strings.LastIndexByte(f.node, '~'); end >= 0 && f.node[:end] == a.r.cfg.Node {
		return
	}
	last, known := a.talk.heard[f.node]
	if known && f.number <= last {
		return
	}
	if known && f.number > last+1 && a.out.Len() > 0 {
		a.r.m.stale.Inc()
		a.out.Send(&topic.Batch{Events: []*topic.Event{topic.Stale(a.name, time.Now())}})
	}
	if a.talk.heard == nil || len(a.talk.heard) >= maxSenders {
		a.talk.heard = make(map[string]uint64)
	}
	a.talk.heard[f.node] = f.number
	a.tell(f.word)
}

// end answers those whose words were not sent.
func (t *talk) end(err error) {
	for _, s := range t.waiting {
		s.done(err)
	}
}
