package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Ban refuses a key everything for d from now on, in place of any ban or block that it
// has. Its points stay as they are. 0 stands for the policy's Block, or DefaultBan
// where it has none. The node refuses the key when Ban returns, others within a second.
//
// Errors are those of Consume; a negative duration or one beyond MaxBlock is an
// *InputError.
func (l *Limits) Ban(ctx context.Context, name, key string, d time.Duration) error {
	if d < 0 || d > MaxBlock {
		return &InputError{Field: "duration", Rule: fmt.Sprintf("must be within 0 and %s", MaxBlock)}
	}
	lim, err := l.find(name, key)
	if err != nil {
		return err
	}
	err = l.change(ctx, lim, key, Change{Do: Ban, For: lim.policy.ban(d)})
	if err == nil {
		lim.metrics.bans.Inc()
	}
	return err
}

// Unban ends a ban or a block. The key has the points that it had before, and those
// that came back since. Other nodes notice within a second. Errors are those of Consume.
func (l *Limits) Unban(ctx context.Context, name, key string) error {
	return l.alter(ctx, name, key, Change{Do: Unban})
}

// Reset gives a key all its points and ends what blocks it. Other nodes notice within
// a second, and may use up what they have leased. Errors are those of Consume.
func (l *Limits) Reset(ctx context.Context, name, key string) error {
	return l.alter(ctx, name, key, Change{Do: Reset})
}

// Clear resets all keys of a limit. A consume beside it may count or not. It takes as
// long as looking through the whole Store does, and is bounded by ctx alone. Errors are
// those of Consume; after one, some keys may have been reset.
func (l *Limits) Clear(ctx context.Context, name string) error {
	lim := l.limits[name]
	if lim == nil {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	if l.closed.Load() {
		return ErrClosed
	}
	err := l.cfg.Store.Clear(ctx, lim.policy)
	l.keeper.Broadcast(&forget{name})
	if err != nil {
		return failed(ctx, name, err)
	}
	return nil
}

func (l *Limits) alter(ctx context.Context, name, key string, c Change) error {
	lim, err := l.find(name, key)
	if err != nil {
		return err
	}
	return l.change(ctx, lim, key, c)
}

func (l *Limits) change(ctx context.Context, lim *limit, key string, c Change) error {
	m := &alter{limit: lim.policy.Name, change: c}
	_, err := l.send(ctx, lim, lim.faces.find(key), key, m, &m.call)
	return err
}

// failed is what a call ends with whose context may have ended: that is the caller's
// doing, not the Store's.
func failed(ctx context.Context, limit string, err error) error {
	if own := ctx.Err(); own != nil && errors.Is(err, own) {
		return own
	}
	return unavailable(limit, err)
}
