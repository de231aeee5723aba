package ratelimit

import (
	"context"
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
	return l.take(ctx, lim, Want{Key: key, Cost: cost, Count: 1})
}

// Peek tells how a key stands, by the Store, without consuming. Allowed is whether a
// consume of one point would have been. Errors are those of Consume.
func (l *Limits) Peek(ctx context.Context, name, key string) (Result, error) {
	lim, err := l.find(name, key)
	if err != nil {
		return Result{}, err
	}
	return l.take(ctx, lim, Want{Key: key})
}

func (l *Limits) take(ctx context.Context, lim *limit, w Want) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	grants, err := l.cfg.Store.Take(ctx, lim.policy, []Want{w})
	if err != nil {
		return Result{}, unavailable(lim.policy.Name, err)
	}
	if len(grants) != 1 {
		return Result{}, unavailable(lim.policy.Name, errAnswer)
	}
	g := grants[0]
	r := Result{Allowed: g.Allowed == w.Count, Remaining: g.Remaining, Reset: g.Reset, Blocked: g.Blocked}
	if w.Count == 0 {
		r.Allowed = g.Remaining > 0
	}
	if !r.Allowed {
		r.Retry = g.Next
	}
	return r, nil
}
