package bustest

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuitePasses(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T, Need) *Scene { return newPlain(faults{}).scene() }, Options{Bubble: synctest.Test})
}

func TestSuitePassesWithoutBubble(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T, Need) *Scene { return newPlain(faults{}).scene() }, Options{})
}

// A witness is a T that remembers what a case said of its bus.
type witness struct {
	*testing.T
	mu   sync.Mutex
	said []string
}

func (w *witness) Helper()                           {}
func (w *witness) Errorf(format string, args ...any) { w.say(format) }
func (w *witness) Fatalf(format string, args ...any) { w.say(format); runtime.Goexit() }

func (w *witness) say(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, what)
}

func (w *witness) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.said) > 0
}

// catches runs one case against a broken bus and tells whether it noticed.
func catches(t *testing.T, c busCase, f faults) bool {
	w := &witness{}
	synctest.Test(t, func(t *testing.T) {
		w.T = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(&scene{T: w, Scene: newPlain(f).scene(), patience: 2 * time.Second})
		}()
		<-done
	})
	return w.failed()
}

// TestSuiteCatches breaks a bus in many ways. For each, the cases named must fail.
func TestSuiteCatches(t *testing.T) {
	t.Parallel()
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range b.caught {
				at := slices.IndexFunc(busCases, func(c busCase) bool { return c.name == name })
				if at < 0 {
					t.Fatalf("there is no case %s", name)
				}
				if !catches(t, busCases[at], b.faults) {
					t.Errorf("case %s did not notice", name)
				}
			}
		})
	}
}

// TestEveryCaseCatches shows that no case of the suite is idle.
func TestEveryCaseCatches(t *testing.T) {
	t.Parallel()
	for _, c := range busCases {
		if !slices.ContainsFunc(breaks, func(b broken) bool { return slices.Contains(b.caught, c.name) }) {
			t.Errorf("nothing shows that case %s can fail", c.name)
		}
	}
}
