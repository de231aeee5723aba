//go:build linux

package floor

import (
	"fmt"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/troupe-rt/troupe/bench/wire"
	"github.com/troupe-rt/troupe/bench/ws"
)

type conn struct {
	fd       int
	upgraded bool
	rest     []byte // of the last read
	out      []byte // what the socket did not take
	topics   []*topic
}

func (s *server) ready(c *conn, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.out = c.out[:copy(c.out, c.out[c.try(c.out):])]
		if len(c.out) == 0 {
			c.out = nil
			s.rewatch(c, unix.EPOLLIN)
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return
	}
	kept := copy(s.in, c.rest)
	n, errno := rawIO(syscall.SYS_READ, c.fd, s.in[kept:])
	if errno == syscall.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		s.drop(c)
		return
	}
	used, ok := s.consume(c, s.in[:kept+n])
	if !ok {
		s.drop(c)
		return
	}
	c.rest = append(c.rest[:0], s.in[used:kept+n]...)
}

// rewatch fails only for a socket that is dead, and its end is read soon. It
// must not drop c: a flush may be walking over the receivers.
func (s *server) rewatch(c *conn, events uint32) {
	_ = s.watch(unix.EPOLL_CTL_MOD, c.fd, events)
}

func (s *server) drop(c *conn) {
	if s.conns[int32(c.fd)] != c {
		return
	}
	delete(s.conns, int32(c.fd))
	for _, t := range c.topics {
		t.remove(c)
	}
	unix.Close(c.fd)
}

func (s *server) consume(c *conn, data []byte) (used int, ok bool) {
	if !c.upgraded {
		var path string
		if used, path = ws.ParseRequest(data); used == 0 {
			return 0, len(data) < ws.MaxHandshake
		}
		if path != (wire.Floor{}).Path() {
			c.try([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
			return used, false
		}
		c.upgraded = true
		s.write(c, ws.AppendServer(ws.Response(), ws.Text, []byte{wire.FloorWelcome}))
	}
	for {
		h, err := ws.ParseHeader(data[used:])
		if err != nil || len(data)-used < h.Size+h.Length {
			return used, err == nil || err == ws.ErrShort
		}
		payload := data[used+h.Size : used+h.Size+h.Length]
		used += h.Size + h.Length
		ws.Unmask(payload, h.Mask)
		if h.Opcode == ws.Text && !s.handle(c, payload) {
			return used, false
		}
	}
}

func (s *server) handle(c *conn, message []byte) bool {
	kind, name, body, ok := wire.ParseFloor(message)
	if !ok {
		return false
	}
	t := s.topics[string(name)]
	if t == nil {
		t = newTopic(string(name))
		s.topics[t.name] = t
	}
	switch kind {
	case wire.FloorSubscribe:
		since, err := strconv.Atoi(string(body))
		if err != nil {
			return false
		}
		s.subscribe(c, t, since)
	case wire.FloorPublish:
		s.publish(t, body)
		s.write(c, ws.AppendServer(nil, ws.Text, []byte{wire.FloorAck}))
	default:
		return false
	}
	return true
}

// write sends b, or queues what the socket does not take. Order is kept.
func (s *server) write(c *conn, b []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return
	}
	if n := c.try(b); n < len(b) {
		c.out = append(c.out, b[n:]...)
		s.rewatch(c, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// try returns how much the socket took. A dead socket takes nothing, and its
// end is read soon.
func (c *conn) try(b []byte) int {
	n, _ := rawIO(syscall.SYS_WRITE, c.fd, b)
	return n
}

func rawIO(call uintptr, fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

func joined(seq int) []byte {
	return ws.AppendServer(nil, ws.Text, fmt.Appendf(nil, "%c%d", wire.FloorJoined, seq))
}
