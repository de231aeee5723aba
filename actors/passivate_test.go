package actors_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

func TestIdleActorIsRetired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reasons []error
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: time.Minute}, func(p *probe) {
			p.onStop = func(_ *probe, reason error) { reasons = append(reasons, reason) }
		})
		tell(t, k, "a", note{})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if k.Len() != 1 {
			t.Fatalf("%d actors before the idle time, want 1", k.Len())
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if k.Len() != 0 || len(reasons) != 1 || !errors.Is(reasons[0], actors.ErrPassivated) {
			t.Fatalf("%d actors, stopped with %v; want none, once with ErrPassivated", k.Len(), reasons)
		}
	})
}

// Producers tell keys whose actors are swept away as fast as they can be; what
// was handled over all activations must be what was told.
func TestPassivationUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	const producers, atLeast, keys, retirements = 4, 10000, 40, 500
	var told, handled, retired atomic.Int64
	s := start(t, actors.Config{})
	k := keep(t, s, actors.Kind[note]{IdleAfter: time.Hour, MaxQueue: 1 << 20}, func(p *probe) {
		p.onHandle = func(*actors.Context[note], *probe, note) { handled.Add(1) }
		p.onStop = func(_ *probe, reason error) {
			if errors.Is(reason, actors.ErrPassivated) {
				retired.Add(1)
			}
		}
	})
	var producing, sweeping sync.WaitGroup
	done := make(chan struct{})
	sweeping.Go(func() { sweepUntil(k, done) })
	for i := range producers {
		producing.Go(func() {
			ref := k.Ref(strconv.Itoa(i))
			for n := 0; n < atLeast || retired.Load() < retirements; n++ {
				tellTo := ref.Tell
				if n%4 != 0 {
					tellTo = func(m note) error { return k.Tell(strconv.Itoa((n*7+i)%keys), m) }
				}
				if err := tellTo(note{n: n}); err != nil {
					t.Errorf("tell: %v", err)
					return
				}
				told.Add(1)
				if n%64 == 0 { // lets a queue run dry, or nobody would ever be idle
					told.Add(1)
					if _, err := ask(t.Context(), k, strconv.Itoa((n/64)%keys), note{}); err != nil {
						t.Errorf("ask: %v", err)
					}
				}
			}
		})
	}
	producing.Wait()
	close(done)
	sweeping.Wait()
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if handled.Load() != told.Load() {
		t.Errorf("handled %d of %d", handled.Load(), told.Load())
	}
	t.Logf("%d messages, %d actors retired", told.Load(), retired.Load())
}

// sweepUntil sweeps k without a pause, an hour of its clock apart.
func sweepUntil(k *actors.Keeper[note], done <-chan struct{}) {
	for now := time.Duration(0); ; now += time.Hour {
		select {
		case <-done:
			return
		default:
			actors.Sweep(k, now)
		}
	}
}
