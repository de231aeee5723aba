//go:build linux

package suite_test

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/floor"
	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/ws"
)

// faultyRole makes the test binary a server that does one thing wrong: the
// floor, behind a proxy that spoils the third event of one connection.
const faultyRole = "TROUPE_SUITE_TEST_FAULT"

const addressVar = "TROUPE_SUITE_TEST_ADDRESS"

func serveFaulty(ctx context.Context, address, fault string) error {
	behind, err := proc.FreeAddress(ctx)
	if err != nil {
		return err
	}
	go floor.Serve(ctx, behind) //nolint:errcheck // The process ends with it.
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	p := &proxy{behind: behind, fault: fault}
	for {
		c, err := l.Accept()
		if err != nil {
			return nil
		}
		go p.serve(c)
	}
}

type proxy struct {
	behind string
	fault  string
	mu     sync.Mutex
	seen   map[net.Conn]int // events per connection
	victim net.Conn         // the first connection that got an event
	held   []byte
}

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", p.behind)
	for tries := 0; err != nil && tries < 1000; tries++ {
		s, err = net.Dial("tcp", p.behind)
	}
	if err != nil {
		return
	}
	go func() {
		defer s.Close()
		_, _ = io.Copy(s, c)
	}()
	var buffer []byte
	chunk := make([]byte, 64<<10)
	forward := p.head
	for {
		n, err := s.Read(chunk)
		if err != nil {
			return
		}
		buffer = append(buffer, chunk[:n]...)
		used, upgraded := forward(c, buffer)
		if buffer = buffer[used:]; upgraded {
			forward = p.frames
			used, _ = forward(c, buffer)
			buffer = buffer[used:]
		}
	}
}

// head forwards the answer to the handshake, or to a request without one.
func (p *proxy) head(c net.Conn, b []byte) (used int, upgraded bool) {
	length, err := ws.ParseResponse(b)
	if length == 0 || err != nil {
		length = len(b)
	} else {
		upgraded = true
	}
	_, _ = c.Write(b[:length])
	return length, upgraded
}

// frames forwards the frames that are complete, or what is made of them.
func (p *proxy) frames(c net.Conn, b []byte) (used int, upgraded bool) {
	for {
		h, err := ws.ParseHeader(b[used:])
		if err != nil || len(b)-used < h.Size+h.Length {
			return used, false
		}
		_, _ = c.Write(p.spoil(c, b[used:used+h.Size+h.Length]))
		used += h.Size + h.Length
	}
}

// spoil returns what is sent in place of a frame.
func (p *proxy) spoil(c net.Conn, frame []byte) []byte {
	if check.Scan(frame, func(check.Mark) {}) == 0 {
		return frame
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.victim == nil {
		p.victim, p.seen = c, map[net.Conn]int{}
	}
	p.seen[c]++
	if c != p.victim {
		return frame
	}
	switch third, fourth := p.seen[c] == 3, p.seen[c] == 4; {
	case p.fault == "lose" && third:
		return nil
	case p.fault == "double" && third:
		return append(append([]byte(nil), frame...), frame...)
	case p.fault == "swap" && third:
		p.held = append([]byte(nil), frame...)
		return nil
	case p.fault == "swap" && fourth:
		return append(append([]byte(nil), frame...), p.held...)
	case p.fault == "close" && third:
		return ws.AppendServer(nil, ws.Close, []byte{0x03, 0xF5})
	}
	return frame
}
