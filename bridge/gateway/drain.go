package gateway

import (
	"io"
	"time"
)

// lingerWait is how long a close frame may take to leave before the socket is
// closed.
const lingerWait = time.Second

// drain starts the goroutine that empties the backlog, unless it runs. The
// caller holds mu.
func (o *outbox) drain() {
	if o.draining || o.closed {
		return
	}
	o.draining = true
	o.wg.Go(o.flush)
}

// flush empties the backlog as the socket takes it, and ends. A write error, or
// a deadline that close set, ends the connection.
func (o *outbox) flush() {
	var err error
	if o.conn.raw != nil {
		// The callback writes without waiting and holds mu meanwhile, so that the
		// shard may change what has not begun. While it waits for the socket,
		// nobody else may write: RawConn would let them wait too.
		var failed error
		err = o.conn.raw.Write(func(fd uintptr) bool {
			var done bool
			done, failed = o.flushSome(fd)
			return done
		})
		if err == nil {
			err = failed
		}
	} else {
		err = o.flushAll(o.conn.Conn)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining = false
	if err != nil && !o.closed {
		o.fail()
	}
	if o.back != nil && err == nil && !o.closed { // added after the last look
		o.drain()
	}
}

// flushSome writes until the socket takes no more. done is true if nothing is
// left, or never will be.
func (o *outbox) flushSome(fd uintptr) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		p := o.pending()
		if len(p) == 0 {
			return true, nil
		}
		n, err := writeNow(fd, p)
		if err != nil {
			return true, err
		}
		o.back.wrote(n)
		o.signal()
		if n < len(p) {
			return false, nil
		}
	}
}

// flushAll writes to a connection that can only wait.
func (o *outbox) flushAll(w io.Writer) error {
	var buf []byte
	for {
		o.mu.Lock()
		buf = o.gather(buf[:0])
		o.signal()
		o.mu.Unlock()
		if len(buf) == 0 {
			return nil
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
}

// gather takes about chunkBytes out of the backlog, whole frames.
func (o *outbox) gather(buf []byte) []byte {
	for len(buf) < chunkBytes {
		p := o.pending()
		if len(p) == 0 {
			break
		}
		buf = append(buf, p...)
		o.back.wrote(len(p))
	}
	return buf
}

// pending returns what to write next. When nothing is left the backlog goes, and
// the shard writes again itself.
func (o *outbox) pending() []byte {
	if o.closed || o.back == nil {
		return nil
	}
	p := o.back.next()
	if len(p) == 0 {
		o.back = nil
		o.signal()
	}
	return p
}

// linger waits until a close frame has left, if there is one.
func (o *outbox) linger() {
	o.mu.Lock()
	wait := o.closing && !o.closed && o.draining
	if wait && o.conn.SetWriteDeadline(time.Now().Add(lingerWait)) != nil {
		wait = false
	}
	o.mu.Unlock()
	if wait {
		o.wg.Wait()
	}
}

// ping sends a WebSocket ping, which the peer's library answers. A peer that is
// behind has enough to answer.
func (o *outbox) ping() {
	o.mu.Lock()
	behind := o.back != nil
	o.mu.Unlock()
	if !behind {
		_ = o.control(wsPing) // a failure wakes the reader, which ends the session
	}
}

// quiet is for how long the client has been sent no text frame.
func (o *outbox) quiet(now int64) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Duration(now - o.lastOut)
}
