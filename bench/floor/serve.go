//go:build linux

package floor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	readBuffer = 1 << 20
	backlog    = 4096
	waitFor    = 100 // milliseconds until ctx is looked at again
)

// server is owned by the goroutine of Serve.
type server struct {
	ep     int
	listen int
	in     []byte
	conns  map[int32]*conn
	topics map[string]*topic
	dirty  []*topic
}

// Serve listens on a loopback address until ctx ends.
func Serve(ctx context.Context, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() || !at.Addr().Is4() {
		return fmt.Errorf("floor: %q is not an IPv4 loopback address with a port", address)
	}
	s := &server{in: make([]byte, readBuffer), conns: map[int32]*conn{}, topics: map[string]*topic{}}
	if s.listen, err = listen(at); err != nil {
		return fmt.Errorf("floor: listen: %w", err)
	}
	defer unix.Close(s.listen)
	if s.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("floor: create epoll: %w", err)
	}
	defer s.close()
	if err := s.watch(unix.EPOLL_CTL_ADD, s.listen, unix.EPOLLIN); err != nil {
		return fmt.Errorf("floor: watch: %w", err)
	}
	return s.run(ctx)
}

func listen(at netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (s *server) close() {
	for _, c := range s.conns {
		unix.Close(c.fd)
	}
	unix.Close(s.ep)
}

func (s *server) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(s.ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *server) run(ctx context.Context) error {
	events := make([]unix.EpollEvent, 1024)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(s.ep, events, waitFor)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("floor: wait: %w", err)
		}
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == s.listen {
				s.accept()
			} else if c := s.conns[ev.Fd]; c != nil {
				s.ready(c, ev.Events)
			}
		}
		s.deliver()
	}
	return nil
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listen, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err == nil {
			err = s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
		}
		if err != nil {
			unix.Close(fd)
			continue
		}
		s.conns[int32(fd)] = &conn{fd: fd}
	}
}
