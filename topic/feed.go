package topic

import (
	"context"
	"sync"
)

// DefaultBuffer is how many events wait for the body of an Events loop before
// it is ended with ErrLagged.
const DefaultBuffer = 1024

// A Feed is the Outlet behind an Events loop: a bounded queue between the
// topic's goroutine and the one that ranges. It is for one receiver, any.
type Feed struct {
	limit int
	wake  chan struct{} // holds one token when there is something to look at

	mu    sync.Mutex
	queue []*Event
	end   error // final; the queue is given out before it
}

// NewFeed returns a Feed that holds at most limit live events, beside what its
// receiver asked for.
func NewFeed(limit int) *Feed {
	return &Feed{limit: limit, wake: make(chan struct{}, 1)}
}

// Deliver implements Outlet.
func (f *Feed) Deliver(_ string, b *Batch) { f.put(b.Events, nil) }

// DeliverTo implements DirectOutlet.
func (f *Feed) DeliverTo(_ string, _ any, b *Batch) { f.put(b.Events, nil) }

// Joined implements Outlet.
func (f *Feed) Joined(_ string, _ any, j Joined) {
	switch {
	case j.Err != nil:
		f.put(nil, j.Err)
	case j.Missed != nil:
		f.mu.Lock()
		f.limit += len(j.Missed.Events) // what was asked for is not lag
		f.mu.Unlock()
		f.put(j.Missed.Events, nil)
	}
}

// Left implements Outlet. It does not end the Feed: whoever has his receiver leave
// knows.
func (f *Feed) Left(string, any) {}

// Closed implements Outlet.
func (f *Feed) Closed(_ string, err error) { f.put(nil, err) }

func (f *Feed) put(evs []*Event, end error) {
	f.mu.Lock()
	switch {
	case f.end != nil:
	case end != nil:
		f.end = end
	case len(f.queue)+len(evs) > f.limit:
		f.end = ErrLagged
	default:
		f.queue = append(f.queue, evs...)
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Next returns what waits, or the end, or waits for either. The end is the error of
// Joined or Closed, ErrLagged, or that of ctx.
func (f *Feed) Next(ctx context.Context) ([]*Event, error) {
	for {
		f.mu.Lock()
		evs, end := f.queue, f.end
		f.queue = nil
		f.mu.Unlock()
		if len(evs) > 0 {
			return evs, nil
		}
		if end != nil {
			return nil, end
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.wake:
		}
	}
}
