package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Result says what became of a consume, and how the key stands after it.
type Result struct {
	Allowed bool

	// Remaining is how many points could be consumed now; 0 while blocked. With a Lease
	// it is those that the node holds and what the Store had when it was last asked.
	Remaining int

	// Reset is how long it takes until all points are back if nobody consumes: of a
	// bucket until it is full, of a fixed window until it ends, of a sliding one until
	// the newest consume is an Interval old. While Blocked it is how long that lasts.
	Reset time.Duration

	// Retry is, where Allowed is false, when it is worth trying the same again: before
	// that it is refused for certain, unless somebody lifts the ban or resets the key.
	Retry time.Duration

	// Blocked tells that the key is banned, or blocked by a consume that was refused.
	Blocked bool
}

// Consume takes cost points of a key, if it has so many, and else none. Refused is not
// an error: it is told by Result.Allowed. A Result beside an error is never Allowed.
//
// It fails with ErrUnknown, with an *InputError for a cost that is not within 1 and the
// limit's Points and for a key that is empty or longer than 512 bytes, with
// ErrClosed, with the error of ctx, or with one that wraps ErrUnavailable. After the
// last two it is unknown whether the points were taken.
func (l *Limits) Consume(ctx context.Context, name, key string, cost int) (Result, error) {
	lim, err := l.find(name, key)
	if err != nil {
		return Result{}, err
	}
	if cost < 1 || cost > lim.policy.Points {
		return Result{}, &InputError{Field: "cost", Rule: fmt.Sprintf("must be within 1 and the limit's %d points", lim.policy.Points)}
	}
	f := lim.faces.find(key)
	if f != nil && ctx.Err() == nil {
		if r, ok := l.decide(lim, f, cost); ok {
			return r, nil
		}
	}
	return l.ask(ctx, lim, f, key, cost)
}

// Peek tells how a key stands, by the Store, without consuming. Allowed is whether a
// consume of one point would have been. Errors are those of Consume.
func (l *Limits) Peek(ctx context.Context, name, key string) (Result, error) {
	lim, err := l.find(name, key)
	if err != nil {
		return Result{}, err
	}
	return l.ask(ctx, lim, lim.faces.find(key), key, 0)
}

// decide answers a consume by what the node knows, if that is enough.
func (l *Limits) decide(lim *limit, f *face, cost int) (Result, bool) {
	k := f.known.Load()
	if k == nil || cost == 0 {
		return Result{}, false
	}
	if left, ok := k.lease.take(cost, l.clock); ok {
		r := Result{Allowed: true, Remaining: left + k.grant.Remaining, Reset: k.grant.Reset}
		lim.metrics.decided(r)
		return r, true
	}
	r, ok := k.refuse(cost, l.clock())
	if ok {
		lim.metrics.decided(r)
	}
	return r, ok
}

// ask has the key's actor answer.
func (l *Limits) ask(ctx context.Context, lim *limit, f *face, key string, cost int) (Result, error) {
	m := &consume{limit: lim.policy.Name, cost: cost}
	r, err := l.send(ctx, lim, f, key, m, &m.call)
	if err != nil && errors.Is(err, ErrUnavailable) {
		lim.metrics.errors.Inc()
	}
	return r, err
}

// send tells the key's actor a command and waits for the answer.
func (l *Limits) send(ctx context.Context, lim *limit, f *face, key string, m message, c *call) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	c.wake = l.spares.wakes.Get().(chan struct{})
	var err error
	switch {
	case f != nil:
		err = f.ref.Tell(m)
	case l.live.Load() >= maxLive:
		err = errOverloaded
	default:
		err = l.keeper.Tell(lim.policy.Name+"\x00"+key, m)
	}
	if err != nil {
		return Result{}, refusal(lim.policy.Name, err)
	}
	r, err := l.spares.wait(ctx, c, l.cfg.Timeout)
	if err == errTimeout { //nolint:errorlint // wait's own, which is not wrapped yet
		err = unavailable(lim.policy.Name, errTimeout)
	}
	return r, err
}
