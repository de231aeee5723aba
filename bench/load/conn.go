//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/troupe-rt/troupe/bench/ws"
)

// ErrTooLong ends a connection whose message does not fit the read buffer.
var ErrTooLong = errors.New("load: message longer than the read buffer")

// A CloseError is the server's close frame.
type CloseError struct {
	Code   int // 1005 if the frame had none
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("load: server closed with %d %q", e.Code, e.Reason)
}

// A Conn is one client.
type Conn struct {
	ID int // the caller's, as given to Dial

	// All below is owned by the Loop.
	loop    *Loop
	fd      int
	handler Handler
	host    string
	path    string
	state   state
	out     []byte // not yet taken by the socket
	waiting bool   // for the socket to take more
	dirty   bool
	rest    []byte // of the last read: a frame that is not complete
	message []byte // fragments so far
}

type state uint8

const (
	connecting state = iota
	upgrading
	open
	closed
)

// Now is the clock of the connection's Loop.
func (c *Conn) Now() time.Duration { return c.loop.now }

// Send queues a text message. It leaves after the handlers of the batch of
// events at hand have run, together with everything else that was queued.
func (c *Conn) Send(payload []byte) { c.send(ws.Text, payload) }

func (c *Conn) send(opcode byte, payload []byte) {
	if c.state != open {
		return
	}
	c.out = ws.AppendClient(c.out, opcode, payload)
	c.markDirty()
}

func (c *Conn) markDirty() {
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Close ends the connection with a reset. The handler is told err.
func (c *Conn) Close(err error) {
	if c.state == closed {
		return
	}
	c.state = closed
	delete(c.loop.byFD, int32(c.fd))
	unix.Close(c.fd)
	c.handler.Closed(c, err)
}

func (c *Conn) ready(events uint32) {
	if c.state == connecting {
		c.onConnect()
		return
	}
	if events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.state != closed {
		c.read()
	}
}

func (c *Conn) onConnect() {
	if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		c.Close(fmt.Errorf("load: connect: %w", errors.Join(err, syscall.Errno(code))))
		return
	}
	c.state = upgrading
	c.out = append(c.out, ws.Request(c.host, c.path)...)
	if err := c.loop.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN); err != nil {
		c.Close(err)
		return
	}
	c.markDirty()
}

// flush gives the socket what it takes and asks to be woken for the rest.
func (c *Conn) flush() {
	c.dirty = false
	if c.state == closed || len(c.out) == 0 {
		return
	}
	n, errno := rawIO(syscall.SYS_WRITE, c.fd, c.out)
	if errno != 0 && errno != syscall.EAGAIN {
		c.Close(fmt.Errorf("load: write: %w", errno))
		return
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	if len(c.out) == 0 && cap(c.out) > 4096 {
		c.out = nil
	}
	c.watchWrite(len(c.out) > 0)
}

func (c *Conn) watchWrite(on bool) {
	if c.waiting == on {
		return
	}
	c.waiting = on
	events := uint32(unix.EPOLLIN)
	if on {
		events |= unix.EPOLLOUT
	}
	if err := c.loop.watch(unix.EPOLL_CTL_MOD, c.fd, events); err != nil {
		c.Close(err)
	}
}

// read takes what the socket has, once: the epoll instance is level-triggered
// and tells if there was more.
func (c *Conn) read() {
	in := c.loop.in
	kept := copy(in, c.rest)
	if kept == len(in) {
		c.Close(ErrTooLong)
		return
	}
	n, errno := rawIO(syscall.SYS_READ, c.fd, in[kept:])
	switch {
	case errno == syscall.EAGAIN:
		return
	case errno != 0:
		c.Close(fmt.Errorf("load: read: %w", errno))
		return
	case n == 0:
		c.Close(io.ErrUnexpectedEOF)
		return
	}
	c.loop.now = time.Since(c.loop.start)
	data := in[:kept+n]
	used, err := c.consume(data)
	if err != nil {
		c.Close(err)
	}
	c.rest = append(c.rest[:0], data[used:]...)
}

// rawIO does not tell Go's scheduler that it enters the kernel: the socket is
// non-blocking, and the notice costs more than the parsing of a message.
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

// consume handles all that is complete at the start of data and returns how
// much that was.
func (c *Conn) consume(data []byte) (used int, err error) {
	if c.state == upgrading {
		used, err = ws.ParseResponse(data)
		if used == 0 || err != nil {
			return used, err
		}
		c.state = open
		c.handler.Opened(c)
	}
	for c.state == open {
		h, err := ws.ParseHeader(data[used:])
		if errors.Is(err, ws.ErrShort) || (err == nil && len(data)-used < h.Size+h.Length) {
			break
		}
		if err != nil {
			return used, err
		}
		payload := data[used+h.Size : used+h.Size+h.Length]
		used += h.Size + h.Length
		if err := c.frame(h, payload); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (c *Conn) frame(h ws.Header, payload []byte) error {
	switch {
	case h.Opcode == ws.Ping:
		c.send(ws.Pong, payload)
	case h.Opcode == ws.Close:
		return closeError(payload)
	case h.Opcode == ws.Pong:
	case h.Final && h.Opcode != ws.Continuation:
		c.handler.Message(c, payload)
	default:
		return c.fragment(h, payload)
	}
	return nil
}

func (c *Conn) fragment(h ws.Header, payload []byte) error {
	if len(c.message)+len(payload) > readBuffer {
		return ErrTooLong
	}
	c.message = append(c.message, payload...)
	if h.Final {
		c.handler.Message(c, c.message)
		c.message = c.message[:0]
	}
	return nil
}

func closeError(payload []byte) error {
	if len(payload) < 2 {
		return &CloseError{Code: 1005}
	}
	return &CloseError{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
}
