package gateway

import (
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// closeWait is how long a peer may take to read what is left and to answer our
// close frame.
const closeWait = 5 * time.Second

// An outbox writes to one connection. Nearly always everything goes to the
// socket at once; only what does not is kept, in a backlog, and a goroutine waits
// for the socket until that is empty.
type outbox struct {
	conn  *conn
	limit int
	wg    sync.WaitGroup // the goroutine that drains

	mu       sync.Mutex
	back     *backlog // nil while the receiver keeps up
	closing  bool     // the close frame has been written or waits in back
	code     int      // in coder's close frame, 0 if it wrote none
	closed   bool     // nothing is written any more
	draining bool     // the goroutine runs, and only it writes
	lastOut  int64    // unix nanoseconds of the last text frame
	room     chan struct{}
}

// terms are what a receiver has agreed on with its topic.
type terms struct {
	slow  topic.Slow
	batch bool // it takes batch frames
	asked bool // it waits for this: a catch-up
}

// sent says what became of a call of send.
type sent struct {
	writes, bytes, dropped int
	blocked, overflow      bool
}

// send writes direct frames and then a chunk, either of which may be empty. Only
// the session's shard calls it.
func (o *outbox) send(w *rawWriter, direct []byte, c *chunk, t terms, now time.Time) (res sent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.closed {
		return res
	}
	o.lastOut = now.UnixNano()
	if o.back == nil && o.conn.raw != nil {
		buf := direct
		if c != nil && len(direct) == 0 {
			buf = c.bytes(t.batch)
		} else if c != nil {
			buf = append(direct, c.bytes(t.batch)...)
		}
		n, err := w.write(o.conn.raw, buf)
		res.writes, res.bytes = 1, n
		if err != nil {
			o.fail()
			return res
		}
		if n == len(buf) {
			return res
		}
		res.blocked = true
		o.block(direct, c, t, n)
		return res
	}
	if o.back == nil {
		o.back = &backlog{limit: o.limit}
	}
	res.dropped, res.overflow = o.keep(direct, c, t, now)
	o.drain()
	return res
}

// keep adds to the backlog.
func (o *outbox) keep(direct []byte, c *chunk, t terms, now time.Time) (dropped int, overflow bool) {
	if len(direct) > 0 {
		if dropped = o.back.makeRoom(0, now); o.back.queued > o.limit {
			return dropped, true
		}
		o.back.addDirect(direct)
	}
	switch {
	case c == nil:
	case t.asked:
		o.back.addCatchup(c)
	default:
		n, ok := o.back.add(c, t.slow, now)
		dropped, overflow = dropped+n, !ok
	}
	return dropped, overflow
}

// block starts a backlog with what the socket did not take: everything after the
// first n bytes.
func (o *outbox) block(direct []byte, c *chunk, t terms, n int) {
	o.back = &backlog{limit: o.limit}
	if c != nil && n > len(direct) && len(c.batch) > 0 && t.batch {
		// A batch frame has begun. It can not be cut, and is finished.
		o.back.head = append([]byte(nil), c.bytes(true)[n-len(direct):]...)
		o.drain()
		return
	}
	if len(direct) > 0 {
		o.back.addDirect(direct)
	}
	if c != nil {
		o.back.start(c, t)
	}
	o.back.wrote(n)
	o.drain()
}

// control writes a frame of coder's: a pong or a close. Nothing follows a close.
func (o *outbox) control(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.closed || len(p) == 0 {
		return nil // coder answers a close frame that answers ours
	}
	isClose := p[0] == frameClose
	if o.closing = isClose; isClose && len(p) >= 4 {
		o.code = int(p[2])<<8 | int(p[3])
	}
	if o.back == nil && o.conn.raw != nil {
		n, err := newRawWriter().write(o.conn.raw, p)
		if err != nil {
			o.fail()
			return err
		}
		if n == len(p) {
			return nil
		}
		p, o.back = nil, &backlog{limit: o.limit, head: append([]byte(nil), p[n:]...)}
	}
	if o.back == nil {
		o.back = &backlog{limit: o.limit}
	}
	switch {
	case p == nil:
	case isClose:
		o.back.finish(p, true)
	default:
		o.back.addPong(p)
	}
	o.drain()
	return nil
}

// shut writes a close frame behind what is queued, or instead of it, and gives
// the peer closeWait to answer. It reports false if that had been done.
func (o *outbox) shut(code int, reason string, discard bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.closed {
		return false
	}
	o.closing = true
	if err := o.conn.SetDeadline(time.Now().Add(closeWait)); err != nil {
		o.fail()
		return true
	}
	frame := closeFrame(code, reason)
	if o.back == nil && o.conn.raw != nil {
		n, err := newRawWriter().write(o.conn.raw, frame)
		if err != nil {
			o.fail()
			return true
		}
		if n == len(frame) {
			return true
		}
		o.back = &backlog{limit: o.limit, head: frame[n:]}
		o.drain()
		return true
	}
	if o.back == nil {
		o.back = &backlog{limit: o.limit}
	}
	o.back.finish(frame, discard)
	o.signal()
	o.drain()
	return true
}

// fail gives the connection up: the reader is woken and cleans up. The caller
// holds mu.
func (o *outbox) fail() {
	o.closed, o.back = true, nil
	_ = o.conn.SetReadDeadline(time.Unix(1, 0)) // fails only if it is closed
	o.signal()
}

// abandon ends the outbox when its connection has been closed, and waits for the
// goroutine that drains.
func (o *outbox) abandon() {
	o.mu.Lock()
	o.closed, o.back = true, nil
	o.signal()
	o.mu.Unlock()
	o.wg.Wait()
}

// blocked reports whether the receiver is behind right now.
func (o *outbox) blocked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.back != nil
}

// signal lets those look again who wait for room. The caller holds mu.
func (o *outbox) signal() {
	if o.room != nil && (o.back == nil || o.back.owed <= o.limit/4) {
		close(o.room)
		o.room = nil
	}
}

// awaitRoom waits while much of what the client asked for has not been taken by
// it. It returns nil if there is no need to wait.
func (o *outbox) awaitRoom() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.closing || o.back == nil || o.back.owed <= o.limit/2 {
		return nil
	}
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}
