package suite

import (
	"github.com/troupe-rt/troupe/bench/check"
	"github.com/troupe-rt/troupe/bench/report"
)

// A Sample is what one round of one target came to.
type Sample struct {
	Metrics map[string]float64 // keys are those of package report
	Faults  check.Faults
}

// disturbedAt is the share of the cores that others may take before figures are
// doubtful.
const disturbedAt = 0.08

// Disturbed reports whether others took more.
func (s Sample) Disturbed() bool { return s.Metrics[report.Others] > disturbedAt }
