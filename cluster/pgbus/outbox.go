package pgbus

import (
	"slices"
	"sync"
)

// batchBytes of frames go in one transaction; one that is larger goes alone.
const batchBytes = 256 << 10

// letterBytes are what a frame costs beside its own bytes.
const letterBytes = 64

// deadLetters may lie in the queue beside half of what it holds.
const deadLetters = 1000

// A letter is a frame on its way.
type letter struct {
	topic string
	frame []byte
	done  chan error // takes one
	gone  bool       // nobody waits for it any more. outbox.mu guards it
}

func (l *letter) size() int { return len(l.topic) + len(l.frame) + letterBytes }

// An outbox holds what waits to be sent. Its methods are safe for concurrent use.
type outbox struct {
	limit int // in bytes

	mu     sync.Mutex
	queue  []*letter
	dead   int // of queue, those gone
	bytes  int // of those not gone
	closed bool

	reading sync.Mutex // held while the frames of what was taken are read
}

// put adds a letter, or says why not.
func (o *outbox) put(l *letter) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return ErrClosed
	case o.bytes > 0 && o.bytes+l.size() > o.limit:
		return ErrOverloaded
	}
	o.queue = append(o.queue, l)
	o.bytes += l.size()
	return nil
}

// withdraw takes back a letter whose publisher has stopped waiting. When it returns the frame is
// not read any more.
func (o *outbox) withdraw(l *letter) {
	o.mu.Lock()
	if !l.gone {
		o.bytes -= l.size()
		l.gone, l.topic, l.frame = true, "", nil
		if o.dead++; o.dead > len(o.queue)/2+deadLetters {
			o.queue, o.dead = slices.DeleteFunc(o.queue, func(l *letter) bool { return l.gone }), 0
		}
	}
	o.mu.Unlock()
	o.reading.Lock() // it may have been taken already
	defer o.reading.Unlock()
}

// take returns the oldest letters, about batchBytes of them, and has the caller hold reading if there are any.
func (o *outbox) take() []*letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	var batch []*letter
	size, n := 0, 0
	for ; n < len(o.queue); n++ {
		l := o.queue[n]
		if l.gone {
			o.dead--
			continue
		}
		if size += len(l.topic) + len(l.frame); size > batchBytes && len(batch) > 0 {
			break
		}
		batch = append(batch, l)
		l.gone = true // from now on it is not to be taken back
		o.bytes -= l.size()
	}
	clear(o.queue[:n])
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil
	}
	if len(batch) > 0 {
		o.reading.Lock()
	}
	return batch
}

// close refuses what comes, and returns what has not been taken.
func (o *outbox) close() []*letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.queue
	o.queue, o.bytes, o.closed = nil, 0, true
	return left
}

// waiting is the number of bytes that wait.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}
