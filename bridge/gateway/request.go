package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// maxRequests is how many requests to one client may wait for their reply.
const maxRequests = 1000

var errManyRequests = errors.New("gateway: too many requests to this client are waiting")

// A ReplyError is a reply with which the client refused a request.
type ReplyError struct {
	Message string // the client's words
}

func (e *ReplyError) Error() string { return "gateway: client replied: " + e.Message }

// requests are those of one session that wait for their reply.
type requests struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan reply // buffered; nil after the end
}

type reply struct {
	data json.RawMessage
	err  error
}

func newRequests() *requests { return &requests{waiting: make(map[uint64]chan reply)} }

func (r *requests) add() (ref uint64, answer chan reply, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.waiting == nil:
		return 0, nil, ErrDisconnected
	case len(r.waiting) >= maxRequests:
		return 0, nil, errManyRequests
	}
	r.last++
	answer = make(chan reply, 1)
	r.waiting[r.last] = answer
	return r.last, answer, nil
}

func (r *requests) remove(ref uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, ref)
}

// settle gives a reply to whoever waits. Late and unasked replies are ignored.
func (r *requests) settle(ref uint64, with reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer := r.waiting[ref]; answer != nil {
		delete(r.waiting, ref)
		answer <- with
	}
}

// reject ends all of them.
func (r *requests) reject() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, answer := range r.waiting {
		answer <- reply{err: ErrDisconnected}
	}
	r.waiting = nil
}

// request sends a question to the client and waits for the reply.
func (s *session) request(ctx context.Context, event string, data any) (json.RawMessage, error) {
	if ctx.Value(sessionKey{}) == s {
		return nil, ErrInHook
	}
	encoded, err := encode("", event, data)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, ErrDisconnected
	}
	if s.requests == nil {
		s.requests = newRequests()
	}
	pending := s.requests
	s.mu.Unlock()
	ref, answer, err := pending.add()
	if err != nil {
		return nil, err
	}
	s.send(appendRequest(nil, ref, event, encoded))
	select {
	case r := <-answer:
		return r.data, r.err
	case <-ctx.Done():
		pending.remove(ref)
		return nil, fmt.Errorf("gateway: wait for reply: %w", context.Cause(ctx))
	}
}

func (s *session) onReply(f *frame) error {
	ref, ok := whole(f.raw[fieldRef])
	if !ok {
		return &frameError{"ref", "must be the number of the request"}
	}
	r := reply{data: json.RawMessage("null")}
	if raw := f.raw[fieldError]; raw != nil {
		message, ok := text(raw)
		if !ok {
			message = raw
		}
		r = reply{err: &ReplyError{string(message)}}
	} else if raw := f.raw[fieldData]; raw != nil {
		r.data = bytes.Clone(raw)
	}
	s.mu.Lock()
	pending := s.requests
	s.mu.Unlock()
	if pending != nil {
		pending.settle(ref, r)
	}
	return nil
}
