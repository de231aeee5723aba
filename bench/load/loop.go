//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readBuffer = 1 << 20 // also the longest message
	waitFor    = 50 * time.Millisecond
)

// A Handler gets what happens on a connection.
type Handler interface {
	// Opened is called once the server has upgraded the connection.
	Opened(c *Conn)
	// Message hands over a data message. The payload is valid until it returns.
	Message(c *Conn, payload []byte)
	// Closed is called once, with the reason; the connection is gone.
	Closed(c *Conn, err error)
}

// A Loop drives connections. Make it with NewLoop and close it.
type Loop struct {
	ep     int
	start  time.Time
	events []unix.EpollEvent
	in     []byte
	byFD   map[int32]*Conn
	dirty  []*Conn // have output that was not tried yet
	now    time.Duration

	timer  int // a timerfd, or -1
	onTick func(due uint64)
}

// NewLoop returns a Loop without connections.
func NewLoop() (*Loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: create epoll: %w", err)
	}
	return &Loop{
		ep: ep, timer: -1, start: time.Now(),
		events: make([]unix.EpollEvent, 1024),
		in:     make([]byte, readBuffer),
		byFD:   make(map[int32]*Conn),
	}, nil
}

// Now is the Loop's clock: the time since it was made. Within a handler it is
// when the bytes at hand were read.
func (l *Loop) Now() time.Duration { return l.now }

// Conns is the number of connections that are open or opening.
func (l *Loop) Conns() int { return len(l.byFD) }

// Run handles events until done returns true, which it asks after each batch
// and at least every 50 ms, or until ctx ends, whose cause it returns.
func (l *Loop) Run(ctx context.Context, done func() bool) error {
	for {
		l.now = time.Since(l.start)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("load: %w", context.Cause(ctx))
		}
		if done() {
			l.flush()
			return nil
		}
		l.flush()
		if err := l.step(); err != nil {
			return err
		}
	}
}

func (l *Loop) step() error {
	n, err := unix.EpollWait(l.ep, l.events, int(waitFor/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("load: wait: %w", err)
	}
	for _, ev := range l.events[:max(n, 0)] {
		if int(ev.Fd) == l.timer {
			l.tick()
			continue
		}
		if c := l.byFD[ev.Fd]; c != nil {
			c.ready(ev.Events)
		}
	}
	return nil
}

func (l *Loop) flush() {
	for _, c := range l.dirty {
		c.flush()
	}
	l.dirty = l.dirty[:0]
}

// Dial begins a connection to a server on a loopback address, from a loopback
// address of its own. The outcome comes to the handler, except for an error
// before the first packet.
func (l *Loop) Dial(server netip.AddrPort, from netip.Addr, path string, id int, h Handler) (*Conn, error) {
	if !server.Addr().IsLoopback() || !from.IsLoopback() {
		return nil, fmt.Errorf("load: %s to %s is not within this machine", from, server)
	}
	fd, err := socket(from)
	if err != nil {
		return nil, fmt.Errorf("load: socket: %w", err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: server.Addr().As4(), Port: int(server.Port())})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return nil, fmt.Errorf("load: connect: %w", err)
	}
	c := &Conn{ID: id, loop: l, fd: fd, handler: h, host: server.String(), path: path}
	if err := l.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLOUT); err != nil {
		unix.Close(fd)
		return nil, err
	}
	l.byFD[int32(fd)] = c
	return c, nil
}

func socket(from netip.Addr) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// A port is chosen at connect, so that all of them serve every pair of
	// addresses. No lingering: a run must not leave 20,000 ports behind.
	for _, o := range [...]struct{ level, name, value int }{
		{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	} {
		if err == nil {
			err = unix.SetsockoptInt(fd, o.level, o.name, o.value)
		}
	}
	if err == nil {
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (l *Loop) watch(op, fd int, events uint32) error {
	if err := unix.EpollCtl(l.ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("load: watch: %w", err)
	}
	return nil
}

// Close drops all connections without a word and frees the Loop.
func (l *Loop) Close() {
	for _, c := range l.byFD {
		unix.Close(c.fd)
	}
	clear(l.byFD)
	l.StopTicking()
	unix.Close(l.ep)
}
