package actors_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func TestGoBringsItsResultBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *probe
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: time.Second}, func(fresh *probe) { p = fresh })
		tell(t, k, "a", note{n: 1, do: func(c *actors.Context[note], _ *probe) {
			c.Go(func(context.Context) note { time.Sleep(time.Hour); return note{n: 3} }, nil)
		}})
		tell(t, k, "a", note{n: 2})
		time.Sleep(time.Hour - 1)
		synctest.Wait()
		if got, _ := p.seen(); !slices.Equal(got, []int{1, 2}) || k.Len() != 1 {
			t.Errorf("while it works: handled %v, %d actors; it must neither wait nor be retired", got, k.Len())
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, _ := p.seen(); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("handled %v, want the result at last", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if k.Len() != 0 {
			t.Error("not retired after its work was done")
		}
	})
}

func TestGoThatPanicsComesBackAsFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *probe
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: time.Second}, func(fresh *probe) { p = fresh })
		var errs []error
		failed := func(err error) note { errs = append(errs, err); return note{n: 7} }
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			c.Go(func(context.Context) note { panic(errBug) }, failed)
		}})
		synctest.Wait()
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			c.Go(func(context.Context) note { runtime.Goexit(); return note{} }, failed)
			c.Go(func(context.Context) note { panic(errBug) }, nil)
			c.Go(func(context.Context) note { panic(errBug) }, func(error) note { panic(errBug) })
		}})
		synctest.Wait()
		if got, _ := p.seen(); len(errs) != 2 || !errors.Is(errs[0], errBug) || !slices.Equal(got, []int{0, 7, 0, 7}) {
			t.Errorf("failed with %v, handled %v", errs, got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if k.Len() != 0 {
			t.Error("lost work keeps the actor alive")
		}
	})
}

func TestAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *probe
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(fresh *probe) { p = fresh })
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			c.After(2*time.Second, note{n: 2})
			c.After(time.Second, note{n: 1})
			stop := c.After(time.Second, note{n: 9})
			stop()
			stop()
			c.After(time.Hour, note{n: 10})
		}})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got, _ := p.seen(); !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("handled %v, want 0 1 2", got)
		}
		time.Sleep(2 * time.Hour) // retired after 30 s, and the timer with it
		synctest.Wait()
		if got, _ := p.seen(); k.Len() != 0 || len(got) != 3 {
			t.Errorf("%d actors, handled %v", k.Len(), got)
		}
	})
}

func TestSetIdleOverrulesTheKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		kind, own  time.Duration
		stays, now time.Duration // alive after stays, gone now later; 0: never
	}{
		{"sooner", time.Hour, time.Second, 900 * time.Millisecond, 400 * time.Millisecond},
		{"later", time.Second, time.Hour, 59 * time.Minute, 2 * time.Minute},
		{"never", time.Second, -1, 1000 * time.Hour, 0},
		{"though the kind never", -1, time.Second, 900 * time.Millisecond, 400 * time.Millisecond},
		{"as the kind", time.Second, 0, 900 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: tt.kind}, nil)
				tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) { c.SetIdle(tt.own) }})
				time.Sleep(tt.stays)
				synctest.Wait()
				if k.Len() != 1 {
					t.Fatal("gone too early")
				}
				time.Sleep(tt.now)
				synctest.Wait()
				if want := tt.now == 0; (k.Len() == 1) != want {
					t.Errorf("alive: %v, want %v", !want, want)
				}
			})
		})
	}
}

func TestActorThatDeclinesIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: time.Minute}, func(p *probe) {
			p.mayRetire = func() bool { return asked.Add(1) == 3 }
		})
		tell(t, k, "a", note{})
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
		if asked.Load() != 1 || k.Len() != 1 {
			t.Fatalf("asked %d times, %d actors", asked.Load(), k.Len())
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if asked.Load() != 3 || k.Len() != 0 {
			t.Errorf("asked %d times, %d actors; want 3 and none", asked.Load(), k.Len())
		}
	})
}

func TestNoTimerRunsWithoutActors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, actors.Config{})
		k := keep(t, s, actors.Kind[note]{IdleAfter: time.Second}, nil)
		armed := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			if actors.SweepArmed(k) != want {
				t.Errorf("timer set %s: %v", when, !want)
			}
		}
		armed(false, "at first")
		for range 3 {
			tell(t, k, "a", note{})
			armed(true, "with an actor")
			time.Sleep(time.Minute)
			armed(false, "when it is gone")
		}
		forever := keep(t, s, actors.Kind[note]{IdleAfter: -1}, nil)
		tell(t, forever, "a", note{})
		if actors.SweepArmed(forever) {
			t.Error("a timer for actors that stay for ever")
		}
	})
}

func TestStopIsTooLateForMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, actors.Config{})
		var refused []error
		dead := note{dead: func(err error) { refused = append(refused, err) }}
		k := actors.NewKeeper(s, actors.Kind[note]{Name: "late", New: func(string) actors.Behavior[note] {
			return &lateComer{dead: dead}
		}})
		tell(t, k, "a", note{})
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(refused) != 2 || !errors.Is(refused[0], actors.ErrClosed) || !errors.Is(refused[1], actors.ErrClosed) {
			t.Errorf("refused %v", refused)
		}
	})
}

// A lateComer starts things when it is too late.
type lateComer struct {
	probe
	dead note
}

func (l *lateComer) Stop(c *actors.Context[note], _ error) {
	c.Tell(l.dead)
	c.Go(func(context.Context) note { panic("ran") }, func(error) note { return l.dead })
	c.Go(func(context.Context) note { panic("ran") }, nil)
	c.After(0, l.dead)()
}
