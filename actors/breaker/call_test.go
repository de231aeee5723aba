package breaker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
)

func TestErrorsThatAreNotTheBackends(t *testing.T) {
	errMissing := errors.New("missing key")
	o := breaker.Options{FailureThreshold: 2, Answered: func(err error) bool { return errors.Is(err, errMissing) }}
	inBubble(t, o, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 10, context.Canceled)
		mustBe(t, b, breaker.Healthy)
		report(b, 1, errDown)
		report(b, 1, errMissing)
		report(b, 1, errDown)
		mustBe(t, b, breaker.Healthy)
		report(b, 1, context.DeadlineExceeded)
		mustBe(t, b, breaker.Broken)
		time.Sleep(30 * time.Second)
		_ = b.Gate().Allow()
		report(b, 1, context.Canceled) // the probe's caller went away
		mustBe(t, b, breaker.Probing)
		_ = b.Gate().Allow()
		report(b, 1, errMissing)
		mustBe(t, b, breaker.Healthy)
	})
}

func TestHangingCallCountsAtItsDeadline(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		var wg sync.WaitGroup
		wg.Go(func() {
			err := b.Do(t.Context(), time.Second, func(context.Context) error {
				time.Sleep(time.Minute) // heeds nothing
				return nil
			})
			if err != nil {
				t.Errorf("the call itself went well, late: %v", err)
			}
		})
		time.Sleep(time.Second - time.Nanosecond)
		synctest.Wait()
		mustBe(t, b, breaker.Healthy)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		mustBe(t, b, breaker.Broken)
		wg.Wait()
		mustBe(t, b, breaker.Probing) // and its late success healed nothing
	})
}

func TestDo(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		ctx, cancel := context.WithCancel(t.Context())
		heed := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		cancel()
		if err := b.Do(ctx, time.Second, heed); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		mustBe(t, b, breaker.Healthy)
		if err := b.Do(t.Context(), time.Second, heed); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("too slow: %v", err)
		}
		mustBe(t, b, breaker.Broken)
		ran := false
		err := b.Do(t.Context(), 0, func(context.Context) error { ran = true; return nil })
		if !errors.Is(err, breaker.ErrOpen) || ran {
			t.Errorf("while broken: ran %v, %v", ran, err)
		}
		time.Sleep(30 * time.Second)
		func() {
			defer func() { _ = recover() }()
			_ = b.Do(t.Context(), 0, func(context.Context) error { panic("a bug of the caller") })
		}()
		mustBe(t, b, breaker.Probing) // and its place is free
		if err := b.Do(t.Context(), 0, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		mustBe(t, b, breaker.Healthy)
	})
}

// What a change says about the cause is a word, never the error's text.
func TestChangeCarriesReason(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		var reasons []string
		b.OnChange(func(c breaker.Change) {
			if c.Began() {
				reasons = append(reasons, c.Reason)
			}
		})
		report(b, 1, errDown)
		b.Reset()
		_ = b.Do(t.Context(), time.Second, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		synctest.Wait()
		if want := []string{"error", "timeout"}; !slices.Equal(reasons, want) {
			t.Errorf("reasons %v, want %v", reasons, want)
		}
	})
}
