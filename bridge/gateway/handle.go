package gateway

import (
	"bytes"
	"context"
	"errors"

	"github.com/troupe-rt/troupe/topic"
)

// text handles a text message.
func (s *session) text(msg []byte) {
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	f, err := p.parse(msg)
	if err != nil {
		s.g.m.received[kindUnknown].Inc()
		if s.maySend(nil) {
			s.unknown(msg, false, err)
		}
		return
	}
	s.g.m.received[f.kind].Inc()
	if !s.maySend(f) {
		return
	}
	if f.kind == kindUnknown {
		s.unknown(msg, false, nil)
		return
	}
	if err := s.obey(p); err != nil {
		s.complain(f, err)
	}
}

// obey does what a frame says. The error tells the client what is wrong with it.
func (s *session) obey(p *parser) error {
	f := &p.frame
	switch f.kind {
	case kindHello:
		batch, err := p.caps()
		if err == nil {
			s.batch.Store(batch)
		}
		return err
	case kindSubscribe:
		return s.onSubscribe(f)
	case kindSubscribeBatch:
		return s.onSubscribeBatch(p)
	case kindUnsubscribe:
		return s.onUnsubscribe(f)
	case kindResume:
		return s.onResume(p)
	case kindPublish:
		return s.onPublish(f)
	case kindReplay:
		return s.onReplay(f)
	case kindReply:
		return s.onReply(f)
	default:
		return s.obeyBeside(f)
	}
}

// obeyBeside does what a frame says about what stands beside the topics.
func (s *session) obeyBeside(f *frame) error {
	switch f.kind {
	case kindPresence:
		return s.onPresence(f)
	case kindCursor:
		return s.onCursor(f)
	case kindCursorSnapshot:
		return s.onCursorSnapshot(f)
	case kindJoin:
		return s.onJoin(f)
	default:
		return s.onLeave(f)
	}
}

// complain answers a frame that can not be obeyed.
func (s *session) complain(f *frame, err error) {
	s.send(appendError(nil, f.anyRef(), codeInvalid, err.Error()))
}

// unknown gives what is no frame to the embedding program.
func (s *session) unknown(msg []byte, binary bool, wrong error) {
	hook := s.g.o.OnMessage
	switch {
	case hook != nil:
		err := s.hook("message", func(ctx context.Context) error { return hook(ctx, &s.client, msg, binary) })
		if errors.Is(err, ErrForbidden) {
			s.shut(CloseForbidden, "forbidden")
		}
	case wrong != nil:
		s.send(appendError(nil, nil, codeInvalid, wrong.Error()))
	case binary:
		s.send(appendError(nil, nil, codeUnknown, "binary messages are not understood here"))
	default:
		s.send(appendError(nil, nil, codeUnknown, "type is missing or not known"))
	}
}

// named returns a topic's name, or the reason why it can not be one that clients
// use.
func (s *session) named(name []byte) (string, string) {
	n := string(name)
	if topic.IsSystem(n) || topic.CheckName(n, s.g.o.AnyScript) != nil {
		return n, reasonTopic
	}
	return n, ""
}

func (s *session) onPublish(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	event, err := f.text(fieldEvent)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	id, err := f.id()
	if err != nil {
		return err
	}
	if s.seenTopic != string(name) || s.seenEvent != string(event) {
		if topic.CheckEvent(string(event)) != nil {
			return &frameError{"event", `must be 1 to 256 printable characters without " and \`}
		}
		t, reason := s.named(name)
		if reason != "" {
			s.send(appendPublishDenied(nil, ref, verdict{reason: reason}))
			return nil
		}
		s.seenTopic, s.seenEvent = t, string(event)
	}
	if id != "" {
		id = s.identity.ID + "\x1f" + id
	}
	s.publish(s.seenTopic, s.seenEvent, bytes.Clone(f.raw[fieldData]), bytes.Clone(ref), id)
	return nil
}

// A publication waits for its topic's answer.
type publication struct {
	session *session
	ref     []byte
	receipt topic.Receipt
	err     error
}

// done runs on the topic's goroutine.
func (p *publication) done(r topic.Receipt, err error) {
	p.receipt, p.err = r, err
	p.session.shard.put(item{kind: itemPublished, session: p.session, ptr: p})
}

// publish posts an event. Nothing waits for the answer but its publication.
func (s *session) publish(name, event string, data, ref []byte, id string) {
	p := &publication{session: s, ref: ref}
	if v := s.mayPublish(name); v.reason != "" {
		s.send(appendPublishDenied(nil, ref, v))
		return
	}
	if hook := s.g.o.CanPublish; hook != nil {
		err := s.hook("publish", func(ctx context.Context) error { return hook(ctx, &s.client, name, event, data) })
		if err != nil {
			s.send(appendPublishDenied(nil, ref, verdict{reason: reasonOf(err)}))
			return
		}
	}
	s.g.pressure.wait(s.g.ctx)
	err := s.g.topics.Post(name, topic.Message{Event: event, Data: data, ID: id, Checked: true}, p.done)
	if err != nil {
		p.done(topic.Receipt{}, err)
	}
}
