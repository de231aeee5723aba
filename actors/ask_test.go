package actors_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func TestAskReturnsTheAnswer(t *testing.T) {
	t.Parallel()
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, nil)
	for want := 1; want < 100; want++ {
		if n, err := ask(t.Context(), k, "a", note{}); n != want || err != nil {
			t.Fatalf("ask: %d, %v; want %d", n, err, want)
		}
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, nil)
		hold := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := ask(ctx, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold }})
		if took := time.Since(began); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended after %v with %v", took, err)
		}
		close(hold)
		synctest.Wait() // the late answer goes nowhere
		if n, err := ask(t.Context(), k, "a", note{}); n != 2 || err != nil {
			t.Errorf("next ask: %d, %v; want 2", n, err)
		}
		if _, err := ask(ctx, k, "b", note{}); !errors.Is(err, context.DeadlineExceeded) || k.Len() != 1 {
			t.Errorf("with a context that has ended: %v, %d actors", err, k.Len())
		}
	})
}

func TestAskIsAnsweredWhenTheActorPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, nil)
		began := time.Now()
		_, err := ask(t.Context(), k, "a", note{do: func(*actors.Context[note], *probe) { panic(errBug) }})
		p, ok := errors.AsType[*actors.PanicError](err)
		if !ok || p.Kind != "probe" || p.Key != "a" || p.Value != errBug || len(p.Stack) == 0 || !errors.Is(err, errBug) {
			t.Errorf("answered %#v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("answered after %v, want at once", took)
		}
	})
}

func TestAskIsAnsweredWhenTheActorStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{MaxFailures: 1}, nil)
		hold := make(chan struct{})
		tell(t, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold; panic(errBug) }})
		synctest.Wait()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := ask(t.Context(), k, "a", note{}); !errors.Is(err, actors.ErrFailed) {
					t.Errorf("answered %v, want ErrFailed", err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
	})
}

func TestReplyFirstCallWins(t *testing.T) {
	t.Parallel()
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
		p.onHandle = func(_ *actors.Context[note], _ *probe, m note) {
			m.reply.Fail(errBug)
			m.reply.Fail(errors.New("second"))
			m.reply.Send(7)
		}
	})
	if n, err := ask(t.Context(), k, "a", note{}); n != 0 || !errors.Is(err, errBug) {
		t.Errorf("answered %d, %v", n, err)
	}
	var zero actors.Reply[int]
	zero.Send(1)
	zero.Fail(errBug)
}

// An answer that comes as the asker gives up is either got or not, and never
// meant for the next asker, whose channel may be the same one.
func TestLateAnswerAndTimeoutDoNotRace(t *testing.T) {
	t.Parallel()
	k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, nil)
	var answered, gaveUp atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 2000 {
				ctx, cancel := context.WithCancel(t.Context())
				var late actors.Reply[int]
				got, err := actors.Ask(ctx, k, "a", func(r actors.Reply[int]) note {
					late = r
					return note{n: n, do: func(*actors.Context[note], *probe) {
						switch n % 3 {
						case 0:
							r.Send(n)
							cancel()
						case 1:
							cancel()
							r.Send(n)
						case 2:
							go r.Send(n)
							cancel()
						}
					}}
				})
				switch {
				case err == nil && got == n:
					answered.Add(1)
				case errors.Is(err, context.Canceled) && got == 0:
					gaveUp.Add(1)
				default:
					t.Errorf("ask %d: %d, %v", n, got, err)
				}
				late.Send(-1)
				cancel()
			}
		})
		wg.Go(func() {
			for n := range 2000 { // cancelled from outside at any moment
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				if got, err := actors.Ask(ctx, k, "b", func(r actors.Reply[int]) note {
					return note{do: func(*actors.Context[note], *probe) { r.Send(n) }}
				}); (err == nil) != (got == n) && got != 0 {
					t.Errorf("ask %d: both %d and %v", n, got, err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d answered, %d gave up", answered.Load(), gaveUp.Load())
}
