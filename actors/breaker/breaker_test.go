package breaker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

// inBubble runs f with a breaker of its own, on fake time.
func inBubble(t *testing.T, o breaker.Options, f func(t *testing.T, s *actors.System, b *breaker.Breaker)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := actors.NewSystem(actors.Config{})
		o.Backend = "redis"
		b, err := breaker.New(s, o)
		if err != nil {
			t.Fatal(err)
		}
		f(t, s, b)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func report(b *breaker.Breaker, times int, err error) {
	for range times {
		b.Gate().ReportResult(err)
	}
}

func mustBe(t *testing.T, b *breaker.Breaker, want breaker.State) {
	t.Helper()
	if got := b.State(); got != want {
		t.Fatalf("state %v, want %v", got, want)
	}
}

func TestBRK01ConsecutiveFailuresBreak(t *testing.T) {
	inBubble(t, breaker.Options{}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 4, errDown)
		report(b, 1, nil)
		report(b, 4, errDown)
		mustBe(t, b, breaker.Healthy)
		if err := b.Gate().Allow(); err != nil {
			t.Fatal(err)
		}
		report(b, 1, errDown)
		mustBe(t, b, breaker.Broken)
		err := b.Gate().Allow()
		open, ok := errors.AsType[*breaker.OpenError](err)
		if !ok || !errors.Is(err, breaker.ErrOpen) || open.RetryAfter != 30*time.Second || open.Backend != "redis" {
			t.Errorf("refused with %#v", err)
		}
	})
}

func TestBRK03ProbeDecides(t *testing.T) {
	inBubble(t, breaker.Options{}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 5, errDown)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		mustBe(t, b, breaker.Probing) // by the timer: nobody called
		if err := b.Gate().Allow(); err != nil {
			t.Fatal(err)
		}
		if err := b.Gate().Allow(); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("second probe: %v", err)
		}
		report(b, 1, errDown)
		mustBe(t, b, breaker.Broken)
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		mustBe(t, b, breaker.Broken)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if err := b.Gate().Allow(); err != nil {
			t.Fatal(err)
		}
		report(b, 1, nil)
		mustBe(t, b, breaker.Healthy)
		report(b, 4, errDown)
		mustBe(t, b, breaker.Healthy)
	})
}

func TestBRK04ListenersSeeEveryTransition(t *testing.T) {
	inBubble(t, breaker.Options{}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		var saw []string
		b.OnChange(func(c breaker.Change) { saw = append(saw, c.From.String()+">"+c.To.String()) })
		report(b, 4, errDown)
		report(b, 1, nil)
		report(b, 7, errDown)
		time.Sleep(30 * time.Second)
		_ = b.Gate().Allow()
		report(b, 1, nil)
		report(b, 3, nil)
		synctest.Wait()
		if want := []string{"healthy>broken", "broken>probing", "probing>healthy"}; !slices.Equal(saw, want) {
			t.Errorf("saw %v, want %v", saw, want)
		}
	})
}

func TestBRK05ResetHealsAndCloseStopsTimers(t *testing.T) {
	inBubble(t, breaker.Options{}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 5, errDown)
		b.Reset()
		mustBe(t, b, breaker.Healthy)
		time.Sleep(time.Minute)
		synctest.Wait()
		mustBe(t, b, breaker.Healthy) // the timer of the outage is off

		report(b, 5, errDown)
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		mustBe(t, b, breaker.Broken)
		if err := b.Gate().Allow(); err != nil {
			t.Errorf("a closed breaker does not probe: %v", err)
		}
	})
}

func TestBRK08AbandonedProbeFreesTheSlot(t *testing.T) {
	inBubble(t, breaker.Options{ProbeTimeout: 3 * time.Second}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 5, errDown)
		time.Sleep(30 * time.Second)
		if err := b.Gate().Allow(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if open, ok := errors.AsType[*breaker.OpenError](b.Gate().Allow()); !ok || open.RetryAfter != 2*time.Second {
			t.Errorf("refused with %+v", open)
		}
		time.Sleep(2 * time.Second)
		if err := b.Gate().Allow(); err != nil {
			t.Errorf("after ProbeTimeout: %v", err)
		}
	})
}

func TestBRK09ListenersAreIsolated(t *testing.T) {
	var log bytes.Buffer
	o := breaker.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inBubble(t, o, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		var before, after, removed, selfRemoved int
		b.OnChange(func(breaker.Change) { before++ })
		b.OnChange(func(breaker.Change) { panic("hunter2") })
		unsubscribe := b.OnChange(func(breaker.Change) { removed++ })
		var once func()
		once = b.OnChange(func(breaker.Change) { selfRemoved++; once() })
		b.OnChange(func(breaker.Change) { after++ })
		unsubscribe()
		unsubscribe()
		report(b, 5, errDown)
		b.Reset()
		synctest.Wait()
		if before != 2 || after != 2 || removed != 0 || selfRemoved != 1 {
			t.Errorf("told %d, %d, %d, %d times; want 2, 2, 0, 1", before, after, removed, selfRemoved)
		}
		if s := log.String(); strings.Contains(s, "hunter2") || !strings.Contains(s, "listener panicked") {
			t.Errorf("log: %s", s)
		}
	})
}

func TestBRK10AllFaultsOfOptionsAtOnce(t *testing.T) {
	t.Parallel()
	s := actors.NewSystem(actors.Config{})
	defer func() { _ = s.Close(t.Context()) }()
	_, err := breaker.New(s, breaker.Options{FailureThreshold: -1, ResetTimeout: -2, ProbeTimeout: -1})
	for _, field := range []string{"Backend", "FailureThreshold", "ResetTimeout", "ProbeTimeout"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
}

func TestOutageIsOneNumber(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		var began, ended, all []uint64
		b.OnChange(func(c breaker.Change) {
			all = append(all, c.Outage)
			if c.Began() {
				began = append(began, c.Outage)
			}
			if c.Ended() {
				ended = append(ended, c.Outage)
			}
		})
		for range 2 {
			report(b, 1, errDown)
			for range 3 { // probes that fail
				time.Sleep(30 * time.Second)
				_ = b.Gate().Allow()
				report(b, 1, errDown)
			}
			time.Sleep(30 * time.Second)
			_ = b.Gate().Allow()
			report(b, 1, nil)
		}
		synctest.Wait()
		if want := []uint64{1, 2}; !slices.Equal(began, want) || !slices.Equal(ended, want) {
			t.Errorf("began %v, ended %v, want %v each; all: %v", began, ended, want, all)
		}
		if len(all) != 18 {
			t.Errorf("%d changes, want 18: %v", len(all), all)
		}
	})
}

func TestResetTimeoutOfZeroProbesAtOnce(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1, ResetTimeout: breaker.Immediately}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 1, errDown)
		if err := b.Gate().Allow(); err != nil {
			t.Errorf("first call after the break: %v", err)
		}
		if err := b.Gate().Allow(); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("second call after the break: %v", err)
		}
	})
}

// Callers on many goroutines: exactly one probes, and the race detector is content.
func TestManyCallersOneProbe(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, _ *actors.System, b *breaker.Breaker) {
		report(b, 1, errDown)
		time.Sleep(30 * time.Second)
		var mu sync.Mutex
		probes := 0
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if b.Gate().Allow() == nil {
					mu.Lock()
					probes++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if probes != 1 {
			t.Errorf("%d probes, want 1", probes)
		}
	})
}

func BenchmarkGate(b *testing.B) {
	s := actors.NewSystem(actors.Config{})
	br, err := breaker.New(s, breaker.Options{Backend: "redis"})
	if err != nil {
		b.Fatal(err)
	}
	gate := br.Gate()
	b.ReportAllocs()
	for b.Loop() {
		if gate.Allow() == nil {
			gate.ReportResult(nil)
		}
	}
	_ = s.Close(context.Background())
}
