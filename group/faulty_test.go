package group_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/group"
	"github.com/troupe-rt/troupe/topic/roster"
)

// faulty is a Store that can fail, before or after the work is done, and wait.
type faulty struct {
	group.Store

	mu    sync.Mutex
	fail  error
	late  error // fails what has been done
	delay time.Duration
	lag   time.Duration // of what Load has read
	calls int
}

func (f *faulty) set(change func(*faulty)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faulty) before(ctx context.Context) error {
	f.mu.Lock()
	fail, delay := f.fail, f.delay
	f.calls++
	f.mu.Unlock()
	if err := pause(ctx, delay); err != nil {
		return err
	}
	return fail
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faulty) after(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(err, f.late)
}

func (f *faulty) Apply(ctx context.Context, name, life string, ops []roster.Op, limit int) (roster.Applied, error) {
	if err := f.before(ctx); err != nil {
		return roster.Applied{}, err
	}
	a, err := f.Store.Apply(ctx, name, life, ops, limit)
	return a, f.after(err)
}

func (f *faulty) Load(ctx context.Context, name string) (roster.Snapshot, error) {
	if err := f.before(ctx); err != nil {
		return roster.Snapshot{}, err
	}
	s, err := f.Store.Load(ctx, name)
	f.mu.Lock()
	lag := f.lag
	f.mu.Unlock()
	return s, errors.Join(err, pause(ctx, lag))
}

func (f *faulty) Check(ctx context.Context, name string) (roster.Standing, error) {
	if err := f.before(ctx); err != nil {
		return roster.Standing{}, err
	}
	return f.Store.Check(ctx, name)
}

func (f *faulty) Bury(ctx context.Context, life string, also ...string) error {
	if err := f.before(ctx); err != nil {
		return err
	}
	return f.Store.Bury(ctx, life, also...)
}

func (f *faulty) Close(ctx context.Context, name string, keep time.Duration) error {
	if err := f.before(ctx); err != nil {
		return err
	}
	return f.after(f.Store.Close(ctx, name, keep))
}

func (f *faulty) Note(ctx context.Context, name string, set map[string]*string) error {
	if err := f.before(ctx); err != nil {
		return err
	}
	return f.Store.Note(ctx, name, set)
}

func (f *faulty) Notes(ctx context.Context, name string) (map[string]string, error) {
	if err := f.before(ctx); err != nil {
		return nil, err
	}
	return f.Store.Notes(ctx, name)
}

// localFaulty keeps the mark of a Store without I/O.
type localFaulty struct{ *faulty }

func (localFaulty) Local() {}
