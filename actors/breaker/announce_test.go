package breaker_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
)

// A watcher is an actor that remembers the health it was shown.
type watcher struct{ saw *[]breaker.Health }

func (watcher) Start(*actors.Context[int])       {}
func (watcher) Handle(*actors.Context[int], int) {}
func (watcher) Flush(*actors.Context[int])       {}
func (watcher) Stop(*actors.Context[int], error) {}
func (w watcher) HandleNotice(_ *actors.Context[int], n any) {
	*w.saw = append(*w.saw, n.(breaker.Health))
}

func TestActorsSeeHealth(t *testing.T) {
	inBubble(t, breaker.Options{FailureThreshold: 1}, func(t *testing.T, s *actors.System, b *breaker.Breaker) {
		other, err := breaker.New(s, breaker.Options{Backend: "postgres", FailureThreshold: 1})
		if err != nil {
			t.Fatal(err)
		}
		var saw []breaker.Health
		k := actors.NewKeeper(s, actors.Kind[int]{Name: "watcher", New: func(string) actors.Behavior[int] { return watcher{&saw} }})
		report(b, 1, errDown)
		report(other, 1, errDown)
		_ = k.Tell("w", 1)
		synctest.Wait()
		if len(saw) != 2 || saw[0].Backend != "redis" || saw[1].Backend != "postgres" ||
			saw[0].State != breaker.Broken || saw[1].Outage != 1 || !saw[0].At.Equal(time.Now()) {
			t.Fatalf("saw %+v", saw)
		}
		b.Reset()
		_ = k.Tell("w", 2)
		synctest.Wait()
		if len(saw) != 3 || saw[2].Backend != "redis" || saw[2].State != breaker.Healthy || saw[2].Outage != 1 {
			t.Errorf("saw %+v", saw)
		}
	})
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	inBubble(t, breaker.Options{FailureThreshold: 1, Registerer: reg}, func(t *testing.T, s *actors.System, b *breaker.Breaker) {
		if _, err := breaker.New(s, breaker.Options{Backend: "postgres", Registerer: reg}); err != nil {
			t.Fatal(err)
		}
		report(b, 1, errDown)
		_ = b.Gate().Allow()
		_ = b.Gate().Allow()
		want := `
# HELP troupe_breaker_rejected_total Calls refused because the backend is broken or being probed.
# TYPE troupe_breaker_rejected_total counter
troupe_breaker_rejected_total{backend="postgres"} 0
troupe_breaker_rejected_total{backend="redis"} 2
# HELP troupe_breaker_state State of a backend's breaker: 0 healthy, 1 probing, 2 broken.
# TYPE troupe_breaker_state gauge
troupe_breaker_state{backend="postgres"} 0
troupe_breaker_state{backend="redis"} 2
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "troupe_breaker_rejected_total", "troupe_breaker_state"); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
	})
}
