package storetest

import (
	"flag"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-rt/troupe/topic"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The cases that must fail would leave files behind.
	must(flag.Set("rapid.nofailfile", "true"))
	// What random calls find must not be left to luck here.
	must(flag.Set("rapid.seed", "7"))
	goleak.VerifyTestMain(m)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestSuitePasses(t *testing.T) {
	t.Parallel()
	Log(t, func(*testing.T) topic.Log { return newPlain(faults{}) }, Options{
		Bubble:   synctest.Test,
		Renumber: renumberPlain,
	})
}

// Without a bubble the suite goes by the store's own clock, here one that only Sleep moves.
func TestSuitePassesWithoutBubble(t *testing.T) {
	t.Parallel()
	Log(t, func(*testing.T) topic.Log {
		began := time.Now()
		var l *plainLog
		l = newPlain(faults{now: func() time.Time { return began.Add(time.Duration(l.passed.Load())) }})
		return l
	}, Options{
		Renumber: renumberPlain,
		Unit:     10 * time.Millisecond,
		Sleep:    func(log topic.Log, d time.Duration) { log.(*plainLog).passed.Add(int64(d)) },
	})
}

// A witness is a T that remembers what a case said of its Log.
type witness struct {
	*testing.T
	mu   sync.Mutex
	said []string
}

func (w *witness) Helper()                           {}
func (w *witness) Logf(string, ...any)               {}
func (w *witness) Log(...any)                        {}
func (w *witness) Fail()                             { w.say("failed") }
func (w *witness) Errorf(format string, args ...any) { w.say(format) }
func (w *witness) Error(...any)                      { w.say("error") }
func (w *witness) Fatal(...any)                      { w.say("fatal"); runtime.Goexit() }
func (w *witness) FailNow()                          { w.say("failed"); runtime.Goexit() }
func (w *witness) Fatalf(format string, args ...any) { w.say(format); runtime.Goexit() }
func (w *witness) Failed() bool                      { w.mu.Lock(); defer w.mu.Unlock(); return len(w.said) > 0 }

func (w *witness) say(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, what)
}

// catches runs one case against a broken Log and tells whether it noticed.
func catches(t *testing.T, c logCase, f faults) bool {
	w := &witness{}
	run := func(t *testing.T) {
		w.T = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					w.say("panic") // a Log may break the case's assumptions in any way
				}
			}()
			opts := Options{Bubble: synctest.Test, Renumber: renumberPlain}.withDefaults()
			c.run(&scene{T: w, log: newPlain(f), opts: opts})
		}()
		<-done
	}
	if c.clocked {
		run(t)
	} else {
		synctest.Test(t, run)
	}
	return w.Failed()
}

// TestSuiteCatches breaks a Log in many ways. For each, the cases named must fail.
func TestSuiteCatches(t *testing.T) {
	t.Parallel()
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range b.caught {
				at := slices.IndexFunc(logCases, func(c logCase) bool { return c.name == name })
				if at < 0 {
					t.Fatalf("there is no case %s", name)
				}
				if !catches(t, logCases[at], b.faults) {
					t.Errorf("case %s did not notice", name)
				}
			}
		})
	}
}

// TestEveryCaseCatches shows that no case of the suite is idle.
func TestEveryCaseCatches(t *testing.T) {
	t.Parallel()
	for _, c := range logCases {
		if !slices.ContainsFunc(breaks, func(b broken) bool { return slices.Contains(b.caught, c.name) }) {
			t.Errorf("nothing shows that case %s can fail", c.name)
		}
	}
}
