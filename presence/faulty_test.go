package presence_test

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// faulty fails, hangs or counts what goes to the store.
type faulty struct {
	roster.Store
	mu    sync.Mutex
	err   error
	hang  chan struct{} // closed to let go
	calls int
	dead  map[string]bool // lives that Alive denies
}

func (f *faulty) fault(ctx context.Context) error {
	f.mu.Lock()
	f.calls++
	err, hang := f.err, f.hang
	f.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (f *faulty) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	if err := f.fault(ctx); err != nil {
		return roster.Applied{}, err
	}
	return f.Store.Apply(ctx, name, life, ops, limit)
}

func (f *faulty) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	if err := f.fault(ctx); err != nil {
		return roster.Snapshot{}, err
	}
	return f.Store.Load(ctx, name)
}

func (f *faulty) Check(ctx context.Context, name string) (roster.Standing, error) {
	if err := f.fault(ctx); err != nil {
		return roster.Standing{}, err
	}
	return f.Store.Check(ctx, name)
}

func (f *faulty) Bury(ctx context.Context, life string, also ...string) error {
	return f.Store.Bury(ctx, life, also...)
}

func (f *faulty) Close(ctx context.Context, name string, keep time.Duration) error {
	return f.Store.(roster.Closer).Close(ctx, name, keep)
}

func (f *faulty) Reopen(ctx context.Context, name string) error {
	return f.Store.(roster.Closer).Reopen(ctx, name)
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}
