package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// messageBuffers hold one message while it is handled.
var messageBuffers = sync.Pool{New: func() any { return new([]byte) }}

// keepBuffer is the size up to which a message's buffer is used again.
const keepBuffer = 64 << 10

// read handles messages until the connection ends. While the session closes, it
// reads on for the peer's close frame, and everything else is discarded.
//
// This goroutine sleeps in Reader nearly always, so its stack is part of what an
// idle connection costs: whatever needs more is called, not written, here.
func (s *session) read() error {
	for {
		kind, r, err := s.ws.Reader(context.Background())
		if err != nil {
			return err
		}
		if err := s.message(kind, r); err != nil {
			return err
		}
	}
}

// message reads one message and handles it. The error is the connection's.
//
//go:noinline
func (s *session) message(kind websocket.MessageType, r io.Reader) error {
	buf := messageBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keepBuffer+512 {
			messageBuffers.Put(buf)
		}
	}()
	msg, err := readAll((*buf)[:0], r, s.g.o.Limits.MaxFrame)
	*buf = msg
	switch {
	case errors.Is(err, errTooLarge):
		s.shut(CloseTooLarge, "message too large")
		_, err := io.Copy(io.Discard, r)
		return err
	case err != nil:
		return err
	case s.isClosing():
		return nil
	}
	s.handle(kind, msg)
	return nil
}

// handle does what a message says, if the client may send it now.
func (s *session) handle(kind websocket.MessageType, msg []byte) {
	s.g.m.receivedBytes.Add(float64(len(msg)))
	if !s.withinRate() {
		s.shut(CloseTooMany, "too many messages")
		return
	}
	if room := s.out.awaitRoom(); room != nil {
		<-room // ends with the connection at the latest
	}
	switch {
	case kind != websocket.MessageText:
		s.g.m.received[kindBinary].Inc()
		if s.maySend(nil) {
			s.unknown(msg, true, nil)
		}
	case !utf8.Valid(msg):
		s.shut(CloseInvalidText, "text must be UTF-8")
	default:
		s.text(msg)
	}
}

var errTooLarge = errors.New("message too large")

// readAll reads a message of at most limit bytes into b.
func readAll(b []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, max(512, len(b)))...)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(cap(b), limit+1)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return b, errTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// withinRate counts a message and reports whether the client may send it. It
// takes the time from the last read, which is near enough.
func (s *session) withinRate() bool {
	limit := s.g.o.Limits.FramesPerSecond
	if limit < 0 {
		return true
	}
	if second := s.conn.lastIn.Load() / int64(time.Second); second != s.second {
		s.second, s.frames = second, 0
	}
	s.frames++
	return s.frames <= limit
}
