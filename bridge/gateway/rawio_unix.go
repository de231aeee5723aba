//go:build unix

package gateway

import (
	"io"
	"net"
	"syscall"
)

// rawConn returns the socket behind c for reading and writing without waiting,
// or nil if c is not just a socket: then nothing may go past its methods.
func rawConn(c net.Conn) syscall.RawConn {
	var sc syscall.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readNow reads what is there. again is true if nothing is.
func readNow(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err := sysRead(fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		}
		return n, false, nil
	}
}

// writeNow writes what the socket takes, which may be nothing.
func writeNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := sysWrite(fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, nil
		case err != nil:
			return 0, err
		}
		return n, nil
	}
}

// A rawWriter writes to any socket without waiting and without allocating. It
// belongs to one goroutine.
type rawWriter struct {
	p   []byte
	n   int
	err error
	fn  func(fd uintptr) bool
}

func newRawWriter() *rawWriter {
	w := &rawWriter{}
	w.fn = func(fd uintptr) bool {
		w.n, w.err = writeNow(fd, w.p)
		return true
	}
	return w
}

func (w *rawWriter) write(raw syscall.RawConn, p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := raw.Write(w.fn)
	w.p = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}
