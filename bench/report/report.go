package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/stats"
)

// A Report is a whole run.
type Report struct {
	Machine   proc.Machine `json:"machine"`
	Date      string       `json:"date"` // RFC 3339
	Commit    string       `json:"commit"`
	Command   string       `json:"command"`
	Payload   int          `json:"payloadBytes"`
	Scenarios []Scenario   `json:"scenarios"`
}

// A Scenario is the results of all targets in one scenario.
type Scenario struct {
	Name     string   `json:"name"`
	Question string   `json:"question"`
	Skipped  string   `json:"skipped,omitempty"` // why it did not run
	Targets  []Target `json:"targets,omitempty"`
	Note     string   `json:"note,omitempty"` // figures from elsewhere, and where
}

// A Target is one server's rounds in one scenario.
type Target struct {
	Name   string  `json:"name"`
	Error  string  `json:"error,omitempty"` // it failed; the rounds before count for nothing
	Rounds []Round `json:"rounds,omitempty"`
}

// A Round is one measurement.
type Round struct {
	Metrics   map[string]float64 `json:"metrics"`
	Repeated  int                `json:"repeated,omitempty"`  // how often it was run before, disturbed
	Disturbed bool               `json:"disturbed,omitempty"` // others still took too much of the machine
}

// Names of the targets that ratios are made of.
const (
	Ours  = "troupe"
	Floor = "floor"
)

// Failed reports whether any target lost, doubled or swapped something, or did
// not get through.
func (r Report) Failed() bool {
	for _, s := range r.Scenarios {
		for _, t := range s.Targets {
			if t.Error != "" {
				return true
			}
		}
	}
	return false
}

// Summary is the median and the extremes of a metric, false if no round has it.
func (t Target) Summary(key string) (stats.Summary, bool) {
	var values []float64
	for _, r := range t.Rounds {
		if v, ok := r.Metrics[key]; ok {
			values = append(values, v)
		}
	}
	return stats.Summarize(values), len(values) > 0
}

// Disturbed is how many rounds others disturbed to the end.
func (t Target) Disturbed() (n int) {
	for _, r := range t.Rounds {
		if r.Disturbed {
			n++
		}
	}
	return n
}

// Ratio is a metric of t beside that of other, round by round. False if there
// is no round in which both have it, or other's is zero.
func (t Target) Ratio(other Target, key string) (stats.Summary, bool) {
	var values []float64
	for i := range min(len(t.Rounds), len(other.Rounds)) {
		a, ok := t.Rounds[i].Metrics[key]
		b, also := other.Rounds[i].Metrics[key]
		if ok && also && b != 0 {
			values = append(values, a/b)
		}
	}
	return stats.Summarize(values), len(values) > 0
}

// WriteJSON writes everything, rounds included.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (r Report) commit() string { return cmp.Or(r.Commit, "unknown") }
