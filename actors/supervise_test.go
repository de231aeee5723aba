package actors_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

var errBug = errors.New("a bug")

// bug is a message whose handling panics.
func bug(v any) note {
	return note{do: func(*actors.Context[note], *probe) { panic(v) }}
}

func TestPanicLosesOnlyItsMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *probe
		var restarts []int
		made := 0
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(fresh *probe) {
			p = fresh
			made++
			p.onStart = func(c *actors.Context[note], _ *probe) { restarts = append(restarts, c.Restarts()) }
		})
		var refused []error
		tell(t, k, "a", note{n: 1})
		broken := bug(errBug)
		broken.dead = func(err error) { refused = append(refused, err) }
		tell(t, k, "a", broken)
		tell(t, k, "a", note{n: 2})
		tell(t, k, "a", note{n: 3})
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []int{1, 2, 3}; !slices.Equal(p.handled, want) || made != 1 {
			t.Errorf("handled %v by %d behaviors, want %v by the same", p.handled, made, want)
		}
		if !slices.Equal(restarts, []int{0, 1}) {
			t.Errorf("Start saw restarts %v", restarts)
		}
		if len(refused) != 1 || !errors.Is(refused[0], errBug) {
			t.Errorf("refused with %v, want once with the panic", refused)
		}
	})
}

// protoactor restarts root actors ten times in ten seconds and stops them then,
// whatever supervisor their Props name.
func TestKindsLimitsHoldForRootActors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}),
			actors.Kind[note]{MaxFailures: 100, MinBackoff: 1, MaxBackoff: 1}, nil)
		for range 50 {
			tell(t, k, "a", bug(errBug))
		}
		time.Sleep(time.Second)
		if n, err := ask(t.Context(), k, "a", note{}); n != 1 || err != nil {
			t.Errorf("after 50 panics: %d, %v", n, err)
		}
	})
}

func TestRestartBacksOffExponentially(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Time
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{
			MinBackoff: 100 * time.Millisecond, MaxBackoff: time.Second, MaxFailures: 8, FailureWindow: time.Hour,
		}, func(p *probe) {
			p.onStart = func(*actors.Context[note], *probe) { starts = append(starts, time.Now()) }
		})
		for range 6 {
			tell(t, k, "a", bug(errBug))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []time.Duration{100, 200, 400, 800, 1000, 1000} // ms, a quarter either way, never above the last
		if len(starts) != len(want)+1 {
			t.Fatalf("%d starts, want %d", len(starts), len(want)+1)
		}
		for i, w := range want {
			w *= time.Millisecond
			if d := starts[i+1].Sub(starts[i]); d < w*3/4 || d > min(w*5/4, time.Second) {
				t.Errorf("restart %d after %v, want about %v", i+1, d, w)
			}
		}
	})
}

func TestActorThatKeepsPanickingIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reasons []error
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{IdleAfter: -1}, func(p *probe) {
			p.onStop = func(_ *probe, reason error) { reasons = append(reasons, reason) }
		})
		for range 4 {
			tell(t, k, "a", bug(errBug))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(reasons) != 0 {
			t.Fatalf("stopped after 4 panics: %v", reasons)
		}
		for range 4 { // the first four are a minute old
			tell(t, k, "a", bug(errBug))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(reasons) != 0 {
			t.Fatalf("stopped after 4 panics within a minute: %v", reasons)
		}
		tell(t, k, "a", bug(errBug))
		synctest.Wait()
		if len(reasons) != 1 || !errors.Is(reasons[0], actors.ErrFailed) || k.Len() != 0 {
			t.Fatalf("stopped with %v, %d actors; want once with ErrFailed, none", reasons, k.Len())
		}
		if n, err := ask(t.Context(), k, "a", note{}); n != 1 || err != nil {
			t.Errorf("the next one: %d, %v", n, err)
		}
	})
}

// Stop in protoactor overtakes the queue and drops it silently.
func TestFailedActorRefusesItsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{MaxFailures: 1}, nil)
		hold := make(chan struct{})
		refused := map[int][]error{}
		queue := func(n int, do func(*actors.Context[note], *probe)) {
			tell(t, k, "a", note{n: n, do: do, dead: func(err error) { refused[n] = append(refused[n], err) }})
		}
		queue(0, func(*actors.Context[note], *probe) { <-hold })
		synctest.Wait()
		queue(1, nil)
		queue(2, func(*actors.Context[note], *probe) { panic(errBug) })
		for n := 3; n < 300; n++ {
			queue(n, nil)
		}
		close(hold)
		synctest.Wait()
		if len(refused) != 298 || refused[0] != nil || refused[1] != nil || !errors.Is(refused[2][0], errBug) {
			t.Errorf("%d refused, the panicking one with %v", len(refused), refused[2])
		}
		for n := 3; n < 300; n++ {
			if len(refused[n]) != 1 || !errors.Is(refused[n][0], actors.ErrFailed) {
				t.Fatalf("message %d refused with %v", n, refused[n])
			}
		}
	})
}

func TestFlushThatPanicsIsCalledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var flushed []int
		k := keep(t, start(t, actors.Config{}), actors.Kind[note]{}, func(p *probe) {
			p.onFlush = func(c *actors.Context[note], p *probe) {
				if c.Restarts() == 0 {
					panic(errBug)
				}
				flushed = append(flushed, len(p.handled))
			}
		})
		tell(t, k, "a", note{})
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(flushed, []int{1}) {
			t.Errorf("flushed %v, want the one message once", flushed)
		}
	})
}

func TestPanicsEverywhereElse(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"New", "Start", "HandleNotice", "Stop", "MayPassivate", "Refuse", "Goexit"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := start(t, actors.Config{})
				left := 2
				fail := func(here string) {
					if left > 0 && here == where {
						left--
						panic(errBug)
					}
				}
				k := actors.NewKeeper(s, actors.Kind[note]{Name: "probe", IdleAfter: time.Minute,
					New: func(string) actors.Behavior[note] {
						fail("New")
						p := &probe{}
						p.onStart = func(*actors.Context[note], *probe) { fail("Start") }
						p.onStop = func(*probe, error) { fail("Stop") }
						p.mayRetire = func() bool { fail("MayPassivate"); return true }
						return &noticer{p, func() { fail("HandleNotice") }}
					}})
				s.Announce("health")
				first := note{}
				switch where {
				case "Refuse":
					first = bug(errBug)
					first.dead = func(error) { fail("Refuse") }
				case "Goexit":
					first.do = func(*actors.Context[note], *probe) { runtime.Goexit() }
				}
				tell(t, k, "a", first)
				time.Sleep(time.Second)
				if _, err := ask(t.Context(), k, "a", note{}); err != nil {
					t.Errorf("later message: %v", err)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if k.Len() != 0 {
					t.Error("never retired")
				}
			})
		})
	}
}

type noticer struct {
	*probe
	seen func()
}

func (n *noticer) HandleNotice(*actors.Context[note], any) { n.seen() }

func TestLogsHoldNoContents(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := actors.NewSystem(actors.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	k := keep(t, s, actors.Kind[note]{MinBackoff: 1, MaxBackoff: 1, MaxFailures: 3}, func(p *probe) {
		p.onStop = func(*probe, error) { panic([]string{"hunter2"}) }
	})
	type secret struct{ Password string }
	tell(t, k, "room", bug("hunter2"))
	tell(t, k, "room", bug(&secret{"hunter2"}))
	tell(t, k, "room", bug(fmt.Stringer(loud{})))
	_ = s.Close(t.Context())
	text := log.String()
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret in the log:\n%s", text)
	}
	for _, event := range []string{"actor spawned", "actor panicked", "actor restarted", "actor stopped"} {
		if !strings.Contains(text, `msg="`+event+`" kind=probe key=room`) {
			t.Errorf("no %q in the log", event)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "level=DEBUG") && strings.Contains(line, "key=") {
			t.Errorf("a key above debug level: %s", line)
		}
	}
	var err error = &actors.PanicError{Kind: "probe", Key: "hunter2", Value: secret{"hunter2"}}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret in the error: %v", err)
	}
}

type loud struct{}

func (loud) String() string { return "hunter2" }
