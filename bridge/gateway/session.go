package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/troupe-rt/troupe/topic"
)

// A session is one connection. Its goroutine, the reader, handles the client's
// frames one after the other; its shard writes.
type session struct {
	g        *Gateway
	shard    *shard
	id       string
	remote   string
	address  string // counted by admission
	identity Identity
	resumed  bool
	client   Client

	ws    *websocket.Conn
	conn  *conn
	out   outbox
	batch atomic.Bool // the client takes batch frames

	// Owned by the shard.
	slot    int    // index in shard.sessions
	pending []byte // direct frames for the end of the round
	pinged  int64

	// Owned by the reader.
	second    int64 // the window in which frames are counted
	frames    int
	seenTopic string // of the last publish, so that the next need not copy it
	seenEvent string

	mu       sync.Mutex
	places   places
	more     *memberships // nil until the first
	alias    string       // see name; "" until it is needed
	requests *requests    // nil until the first
	code     int          // with which we close, 0 if we do not
	ended    bool
}

// shut closes the connection behind what has been sent so far. The first call
// counts.
func (s *session) shut(code int, reason string) {
	if s.decide(code) {
		s.shard.put(item{kind: itemShut, session: s, ptr: &shutting{code, reason}})
	}
}

// shutNow does it in place of what waits. The shard calls it.
func (s *session) shutNow(code int, reason string) {
	if s.decide(code) {
		s.out.shut(code, reason, true)
	}
}

// decide reports whether this is the first reason to close.
func (s *session) decide(code int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code != 0 || s.ended {
		return false
	}
	s.code = code
	return true
}

// isClosing reports whether frames of the client no longer count.
func (s *session) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code != 0
}

// run is the reader's goroutine.
func (s *session) run() {
	err := s.read()
	s.end(err)
}

// end takes the session out of everything, after its connection.
func (s *session) end(err error) {
	_ = s.ws.CloseNow() // only says that it was closed before
	s.out.abandon()
	s.conn.release()
	s.mu.Lock()
	s.ended = true
	code := s.code
	followed := s.places.all()
	names := make([]string, len(followed))
	for i, r := range followed {
		names[i] = r.topic
		r.asks = nil
		s.leave(r)
	}
	s.leaveAll(followed)
	s.places = places{}
	pending := s.requests
	s.mu.Unlock()
	pending.reject()
	s.g.m.subscriptions.Sub(float64(len(names)))
	s.shard.put(item{kind: itemEnded, session: s})
	if code == 0 {
		code = s.closeCode(err)
	}
	s.g.recent.add(s.id, s.identity.ID)
	if hook := s.g.o.OnClose; hook != nil {
		_ = s.hook("close", func(ctx context.Context) error {
			hook(ctx, &s.client, code, names)
			return nil
		}) // logged and counted; nobody is there to be told
	}
	s.g.leave(s, code)
}

// closeCode is the code of the peer's close frame, or of the one with which coder
// answered a breach of the protocol.
func (s *session) closeCode(err error) int {
	if code := websocket.CloseStatus(err); code != -1 {
		return int(code)
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.out.code != 0 {
		return s.out.code
	}
	return closeAbnormal
}

// leave unsubscribes. A topic that is closed has nobody to take out.
func (s *session) leave(r *receiver) {
	if err := s.g.topics.Unsubscribe(r.topic, s.shard, r); err != nil && !errors.Is(err, topic.ErrClosed) {
		s.g.log.Warn("unsubscribe failed", "topic", r.topic, "session", s.id, "err", err)
	}
}

// send queues frames for this client. The bytes are handed over.
func (s *session) send(frames []byte) { s.shard.direct(s, frames) }

// verdict judges an error and logs it if it is not the client's.
func (s *session) verdict(kind string, err error) verdict {
	v := judge(err)
	if v.fault {
		s.g.log.Error("request failed", "kind", kind, "session", s.id, "err", err)
	}
	return v
}

// told is the reason in it.
func (s *session) told(kind string, err error) string { return s.verdict(kind, err).reason }

// cut ends the connection without a word.
func (s *session) cut() {
	s.out.mu.Lock()
	s.out.fail()
	s.out.mu.Unlock()
}
