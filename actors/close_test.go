package actors_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var handled, flushed, refused int
		var reasons []error
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
			p.onFlush = func(_ *actors.Context[note], p *probe) { flushed = len(p.handled) }
			p.onStop = func(p *probe, reason error) { handled, reasons = len(p.handled), append(reasons, reason) }
		})
		hold := make(chan struct{})
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			<-hold
			c.Tell(note{}) // an actor may still tell itself
			c.Go(func(context.Context) note { time.Sleep(time.Second); return note{} }, nil)
			c.After(time.Hour, note{dead: func(error) { refused++ }})
		}})
		for range 9 {
			tell(t, k, "a", note{dead: func(error) { refused++ }})
		}
		closed := make(chan error)
		go func() { closed <- k.Close(t.Context()) }()
		synctest.Wait()
		if err := k.Tell("a", note{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("tell while closing: %v", err)
		}
		if err := k.Tell("b", note{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("spawn while closing: %v", err)
		}
		if _, err := k.TellExisting("a", note{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("TellExisting while closing: %v", err)
		}
		close(hold)
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if handled != 12 || flushed != 12 || refused != 0 {
			t.Errorf("handled %d, flushed %d, refused %d; want 12, 12, 0", handled, flushed, refused)
		}
		if len(reasons) != 1 || !errors.Is(reasons[0], actors.ErrClosed) {
			t.Errorf("stopped with %v", reasons)
		}
		if err := k.Close(t.Context()); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, actors.Config{})
		var cause error
		var refused []error
		stopped := 0
		k := keep(t, s, actors.Kind[note]{}, func(p *probe) { p.onStop = func(*probe, error) { stopped++ } })
		tell(t, k, "a", note{do: func(c *actors.Context[note], _ *probe) {
			c.Go(func(ctx context.Context) note {
				<-ctx.Done() // a backend that hangs
				cause = context.Cause(ctx)
				return note{dead: func(err error) { refused = append(refused, err) }}
			}, nil)
		}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		synctest.Wait()
		if stopped != 1 || !errors.Is(cause, actors.ErrClosed) || len(refused) != 1 || !errors.Is(refused[0], actors.ErrClosed) {
			t.Errorf("stopped %d times, work ended by %v, late result refused with %v", stopped, cause, refused)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestSystemClosesKeepersNewestFirst(t *testing.T) {
	t.Parallel()
	s := actors.NewSystem(actors.Config{})
	var order []string
	for _, name := range []string{"old", "middle", "new"} {
		k := keep(t, s, actors.Kind[note]{}, func(p *probe) {
			p.onStop = func(*probe, error) { order = append(order, name) }
		})
		tell(t, k, "a", note{})
	}
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"new", "middle", "old"}; !slices.Equal(order, want) {
		t.Errorf("closed %v, want %v", order, want)
	}
	late := keep(t, s, actors.Kind[note]{}, nil)
	if err := late.Tell("a", note{}); !errors.Is(err, actors.ErrClosed) {
		t.Errorf("keeper of a closed system: %v", err)
	}
}
