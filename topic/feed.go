package topic

import (
	"context"
	"sync"
)

// DefaultBuffer is how many events wait for the body of an Events loop before
// it is ended with ErrLagged.
const DefaultBuffer = 1024

// A feed is the Outlet behind an Events loop: a bounded queue between the
// topic's goroutine and the one that ranges.
type feed struct {
	limit int
	wake  chan struct{} // holds one token when there is something to look at

	mu    sync.Mutex
	queue []*Event
	end   error // final; the queue is given out before it
}

func newFeed(limit int) *feed {
	return &feed{limit: limit, wake: make(chan struct{}, 1)}
}

func (f *feed) Deliver(_ string, b *Batch) { f.put(b.Events, nil) }

func (f *feed) Joined(_ string, _ any, j Joined) {
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

func (f *feed) Left(string, any) {}

func (f *feed) Closed(_ string, err error) { f.put(nil, err) }

func (f *feed) put(evs []*Event, end error) {
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

// next returns what waits, or the end, or waits for either.
func (f *feed) next(ctx context.Context) ([]*Event, error) {
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
