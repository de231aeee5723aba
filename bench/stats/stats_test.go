package stats_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bench/stats"
)

func TestHistogramIsWithinItsError(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h stats.Histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(1) << random.UintN(40)
		d += time.Duration(random.Int64N(int64(d)))
		h.Add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999} {
		exact := all[int(q*float64(len(all)))]
		if got := h.Quantile(q); got < exact || got > exact+exact/32+1 {
			t.Errorf("quantile %v: got %s, exact %s", q, got, exact)
		}
	}
	if got := h.Quantile(1); got < all[len(all)-1] {
		t.Errorf("quantile 1: got %s, want at least %s", got, all[len(all)-1])
	}
}

func TestHistogramEdges(t *testing.T) {
	t.Parallel()
	var h stats.Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("empty: %s", got)
	}
	h.Add(-time.Second)
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("negative: %s", got)
	}
	h.Add(1 << 62)
	if got := h.Quantile(1); got < time.Hour {
		t.Errorf("past the end: %s", got)
	}
	if h.Count() != 2 {
		t.Errorf("count %d", h.Count())
	}
	if h.Reset(); h.Count() != 0 || h.Quantile(1) != 0 {
		t.Error("reset left something")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   stats.Summary
		spread float64
	}{
		"none": {nil, stats.Summary{}, 0},
		"one":  {[]float64{4}, stats.Summary{Median: 4, Min: 4, Max: 4, Rounds: 1}, 0},
		"odd":  {[]float64{9, 1, 4}, stats.Summary{Median: 4, Min: 1, Max: 9, Rounds: 3}, 2},
		"even": {[]float64{1, 9, 5, 3}, stats.Summary{Median: 4, Min: 1, Max: 9, Rounds: 4}, 2},
	} {
		before := slices.Clone(c.values)
		got := stats.Summarize(c.values)
		if got != c.want || got.Spread() != c.spread {
			t.Errorf("%s: got %+v and spread %v, want %+v and %v", name, got, got.Spread(), c.want, c.spread)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("%s: the values were changed", name)
		}
	}
}
