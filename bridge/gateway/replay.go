package gateway

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/troupe-rt/troupe/topic"
)

// replayPage is how many events are read at once for a replay.
const replayPage = 100

// onReplay answers on __replay:T. The reader does it itself, page by page, and
// waits when the client does not take them: a long history costs no memory.
func (s *session) onReplay(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldReqID)
	if err != nil {
		return err
	}
	seq, epoch, _, err := f.since()
	if err != nil {
		return err
	}
	n, reason := s.named(name)
	if reason == "" {
		reason = s.mayRead(n)
	}
	r := &replay{session: s, topic: n, ref: bytes.Clone(ref)}
	if reason != "" {
		r.event("denied", appendRef(append([]byte(`"code":`), quote(nil, reason)...), "reqId", ref))
		r.flush()
		return nil
	}
	r.run(topic.Position{Epoch: epoch, Seq: seq})
	return nil
}

// A replay writes the answers to one replay frame.
type replay struct {
	session *session
	topic   string
	ref     []byte
	buf     []byte
	data    []byte
}

func (r *replay) run(since topic.Position) {
	s := r.session
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.o.HookTimeout)
	defer cancel()
	truncated := false
	for page := 0; !s.isClosing(); page++ {
		h, err := s.g.topics.History(ctx, r.topic, since, replayPage)
		if errors.Is(err, topic.ErrNoHistory) {
			h, err = topic.History{Truncated: true}, nil
		}
		if err != nil {
			reason := s.told("replay", err)
			r.event("denied", appendRef(append([]byte(`"code":`), quote(nil, reason)...), "reqId", r.ref))
			break
		}
		if h.Truncated && !truncated {
			truncated = true
			r.buf = appendEvent(r.buf, "__replay:"+r.topic, topic.EventTruncated, []byte("null"))
		}
		for _, e := range h.Events {
			r.msg(e)
			since = topic.Position{Epoch: h.Head.Epoch, Seq: e.Seq()}
		}
		if len(h.Events) < replayPage {
			r.end(truncated)
			break
		}
		r.flush()
	}
	r.flush()
}

func (r *replay) msg(e *topic.Event) {
	r.data = strconv.AppendUint(append(r.data[:0], `"seq":`...), e.Seq(), 10)
	r.data = quote(append(r.data, `,"event":`...), e.Name())
	r.data = append(append(r.data, `,"data":`...), e.Data()...)
	r.event("msg", appendRef(r.data, "reqId", r.ref))
	if len(r.buf) > chunkBytes {
		r.flush()
	}
}

func (r *replay) end(truncated bool) {
	b := appendRef(nil, "reqId", r.ref)
	if b = append(b, `,"truncated":`...); truncated {
		r.event("end", append(b, "true"...)[1:])
		return
	}
	r.event("end", append(b, "false"...)[1:])
}

// event adds an answer whose data has these members.
func (r *replay) event(name string, members []byte) {
	r.buf = appendEvent(r.buf, "__replay:"+r.topic, name, append(append([]byte{'{'}, members...), '}'))
}

// flush hands over what has been written, and waits while the client takes less.
func (r *replay) flush() {
	s := r.session
	if len(r.buf) == 0 {
		return
	}
	s.send(r.buf)
	r.buf = nil
	s.shard.call(func() { s.shard.flush(s) })
	if room := s.out.awaitRoom(); room != nil {
		<-room
	}
}
