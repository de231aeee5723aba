//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/bench/ws"
)

const (
	dialWithin = 5 * time.Second
	// quiet is how long a node may say nothing. It pings after a minute.
	quiet       = 90 * time.Second
	writeWithin = 10 * time.Second
)

// A link is one WebSocket connection. One goroutine receives; any may send.
type link struct {
	conn    net.Conn
	in      *bufio.Reader
	message []byte
	ctx     context.Context // ends with the link
	end     context.CancelFunc
	pending sync.WaitGroup // of later

	mu  sync.Mutex
	out []byte
}

// dial connects to a node. The connection ends with ctx, too.
func dial(ctx context.Context, address string) (*link, error) {
	within, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(within, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("chaos: connect: %w", err)
	}
	l := &link{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	l.ctx, l.end = context.WithCancel(ctx)
	context.AfterFunc(l.ctx, func() { conn.Close() })
	if err := l.upgrade(address); err != nil {
		l.close()
		return nil, fmt.Errorf("chaos: upgrade: %w", err)
	}
	return l, nil
}

func (l *link) upgrade(address string) error {
	if err := l.conn.SetDeadline(time.Now().Add(dialWithin)); err != nil {
		return err
	}
	if _, err := l.conn.Write(ws.Request(address, "/ws")); err != nil {
		return err
	}
	for {
		if _, err := l.in.Peek(l.in.Buffered() + 1); err != nil {
			return err
		}
		head, _ := l.in.Peek(l.in.Buffered()) // is there: nothing is waited for
		n, err := ws.ParseResponse(head)
		if err != nil {
			return err
		}
		if n > 0 {
			_, err = l.in.Discard(n)
			return err
		}
	}
}

// close ends the connection, and what was to be done later.
func (l *link) close() {
	l.end()
	l.pending.Wait()
}

// later does something after a while, if the link is still there.
func (l *link) later(d time.Duration, what func()) {
	l.pending.Go(func() {
		if pause(l.ctx, d); l.ctx.Err() == nil {
			what()
		}
	})
}

func (l *link) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("chaos: encode: %w", err)
	}
	return l.write(ws.Text, text)
}

func (l *link) write(opcode byte, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = ws.AppendClient(l.out[:0], opcode, payload)
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("chaos: send: %w", err)
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return fmt.Errorf("chaos: send: %w", err)
	}
	return nil
}

// receive returns the next frame of the protocol.
func (l *link) receive() (frame, error) {
	l.message = l.message[:0]
	for {
		h, err := l.header()
		if err != nil {
			return frame{}, err
		}
		from := len(l.message)
		l.message = append(l.message, make([]byte, h.Length)...)
		if _, err := io.ReadFull(l.in, l.message[from:]); err != nil {
			return frame{}, fmt.Errorf("chaos: receive: %w", err)
		}
		if h.IsControl() {
			err = l.control(h, l.message[from:])
			l.message = l.message[:from]
		}
		if err != nil {
			return frame{}, err
		}
		if h.Final && !h.IsControl() {
			break
		}
	}
	var f frame
	if err := json.Unmarshal(l.message, &f); err != nil {
		return frame{}, fmt.Errorf("chaos: decode %.200q: %w", l.message, err)
	}
	return f, nil
}

func (l *link) header() (ws.Header, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
		return ws.Header{}, fmt.Errorf("chaos: receive: %w", err)
	}
	const longest = 14
	for n := 2; ; n++ {
		b, err := l.in.Peek(n)
		if err != nil {
			return ws.Header{}, fmt.Errorf("chaos: receive: %w", err)
		}
		h, err := ws.ParseHeader(b)
		if err == nil {
			_, err = l.in.Discard(h.Size)
			return h, err
		}
		if n == longest || err != ws.ErrShort {
			return ws.Header{}, err
		}
	}
}

func (l *link) control(h ws.Header, payload []byte) error {
	switch h.Opcode {
	case ws.Ping:
		return l.write(ws.Pong, payload)
	case ws.Close:
		code := 1005
		if len(payload) >= 2 {
			code = int(binary.BigEndian.Uint16(payload))
		}
		return &closedError{code}
	}
	return nil
}

// closedError is a close frame.
type closedError struct{ code int }

func (e *closedError) Error() string { return fmt.Sprintf("chaos: the node closed with %d", e.code) }

// frame is every frame of a node in one.
type frame struct {
	Type         string          `json:"type"`
	Topic        string          `json:"topic"`
	Event        string          `json:"event"`
	Data         json.RawMessage `json:"data"`
	Seq          uint64          `json:"seq"`
	Epoch        string          `json:"epoch"`
	Ref          int             `json:"ref"`
	Reason       string          `json:"reason"`
	RetryAfterMs int             `json:"retryAfterMs"`
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	Duplicate    bool            `json:"duplicate"`
}
