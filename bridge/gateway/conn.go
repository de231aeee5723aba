package gateway

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A conn stands between coder/websocket and the socket. What coder writes,
// pongs and close frames, goes through the session's outbox; what it reads comes
// from buffers that are held only while they have bytes in them.
type conn struct {
	net.Conn
	raw    syscall.RawConn // nil: use Conn's methods
	out    *outbox
	lastIn atomic.Int64 // unix nanoseconds of the last byte received

	// Owned by the reader.
	buf    *readBuffer
	unread []byte // the part of buf, or of what net/http had read, not given out
	fn     func(fd uintptr) bool
	err    error
}

type readBuffer [8 << 10]byte

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// bind connects a hijacked connection to its outbox. early is what net/http read
// beyond the request.
func (c *conn) bind(nc net.Conn, early []byte) {
	c.Conn, c.raw, c.unread = nc, rawConn(nc), bytes.Clone(early)
	c.fn = c.fill
	c.lastIn.Store(time.Now().UnixNano())
}

// Read fills p as far as bytes are there, and waits if there are none.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if c.raw == nil {
			n, err := c.Conn.Read(p)
			c.lastIn.Store(time.Now().UnixNano())
			return n, err
		}
		c.err = nil
		if err := c.raw.Read(c.fn); err != nil {
			return 0, err
		}
		if c.err != nil {
			return 0, c.err
		}
		c.lastIn.Store(time.Now().UnixNano())
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.release()
	}
	return n, nil
}

// fill reads into a buffer that it holds only if bytes were there.
func (c *conn) fill(fd uintptr) bool {
	b := readBuffers.Get().(*readBuffer)
	n, again, err := readNow(fd, b[:])
	if again || err != nil {
		readBuffers.Put(b)
		c.err = err
		return !again
	}
	c.buf, c.unread = b, b[:n]
	return true
}

// release gives the buffer back. Only the reader calls it.
func (c *conn) release() {
	c.unread = nil
	if c.buf != nil {
		readBuffers.Put(c.buf)
		c.buf = nil
	}
}

// Write takes coder's control frames. Each comes in one call, because its writer
// holds a whole one.
func (c *conn) Write(p []byte) (int, error) { return len(p), c.out.control(p) }

// Close closes the socket. Coder calls it right after its close frame, which is
// given a moment to leave.
func (c *conn) Close() error {
	c.out.linger()
	return c.Conn.Close()
}

// hijackWriter gives coder the session's connection, and buffers just large
// enough for control frames, when it hijacks.
type hijackWriter struct {
	http.ResponseWriter
	conn *conn
}

// Hijack takes the connection from net/http.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		_ = nc.Close() // the error that matters is Peek's
		return nil, nil, err
	}
	w.conn.bind(nc, early)
	return w.conn, bufio.NewReadWriter(bufio.NewReaderSize(w.conn, 16), bufio.NewWriterSize(w.conn, 128)), nil
}
