package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/troupe-rt/troupe/bench/proc"
	"github.com/troupe-rt/troupe/bench/report"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func rounds(key string, values ...float64) (rs []report.Round) {
	for _, v := range values {
		rs = append(rs, report.Round{Metrics: map[string]float64{key: v}})
	}
	return rs
}

func sample() report.Report {
	ours := rounds(report.CPUPerDelivery, 0.4, 0.38, 0.42)
	for i := range ours {
		ours[i].Metrics[report.DeliveriesPerSec] = 2_500_000 + float64(i)
		ours[i].Metrics[report.AllocsPerDelivery] = 0.01
		ours[i].Metrics[report.Others] = 0.031
	}
	peer := rounds(report.CPUPerDelivery, 4, 2, 4.2)
	peer[1].Disturbed, peer[1].Repeated = true, 2
	return report.Report{
		Machine: proc.Machine{CPU: "Some CPU", Cores: 2, Kernel: "6.1", Go: "go1.26"},
		Date:    "2026-01-02T03:04:05Z", Commit: "abcdef", Command: "go run ./bench --rounds 3", Payload: 200,
		Scenarios: []report.Scenario{
			{Name: "fanout", Question: "What does it cost?", Targets: []report.Target{
				{Name: report.Ours, Rounds: ours},
				{Name: "peer", Rounds: peer},
				{Name: "broken", Error: "1 lost, 0 duplicated, 0 reordered", Rounds: rounds(report.CPUPerDelivery, 0.1)},
				{Name: report.Floor, Rounds: rounds(report.CPUPerDelivery, 0.2, 0.19, 0.21)},
			}},
			{Name: "topics", Question: "Are they given back?", Targets: []report.Target{
				{Name: report.Ours, Rounds: rounds(report.TopicHeap, 1234567)},
			}},
			{Name: "idle", Question: "How much?", Skipped: "needs 20,000 open files"},
		},
	}
}

func TestMarkdownIsGolden(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := sample().WriteMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.md")
	if *rewrite {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("differs from %s (go test -rewrite renews it):\n%s", golden, got.String())
	}
}

func TestJSONHoldsEverything(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back report.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, sample()) {
		t.Errorf("came back as %+v", back)
	}
}

func TestRatioPairsRounds(t *testing.T) {
	t.Parallel()
	// The machine was twice as slow in the last round, for both.
	ours := report.Target{Rounds: rounds(report.Seconds, 1, 1.2, 2)}
	peer := report.Target{Rounds: rounds(report.Seconds, 2, 2.4, 4, 100)}
	got, ok := ours.Ratio(peer, report.Seconds)
	if !ok || got.Median != 0.5 || got.Min != 0.5 || got.Max != 0.5 || got.Rounds != 3 {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := ours.Ratio(report.Target{Rounds: rounds(report.Seconds, 0)}, report.Seconds); ok {
		t.Error("a ratio to zero")
	}
	if _, ok := ours.Ratio(peer, report.P99); ok {
		t.Error("a ratio of what was not measured")
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	r := sample()
	if !r.Failed() {
		t.Error("a target failed and the report did not")
	}
	r.Scenarios[0].Targets[2].Error = ""
	if r.Failed() {
		t.Error("failed without a reason")
	}
}

func TestCatalogIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range report.Catalog {
		if m.Key == "" || m.Label == "" || seen[m.Key] {
			t.Errorf("entry %+v is empty or there twice", m)
		}
		seen[m.Key] = true
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	whole, exact := report.Metric{}, report.Metric{Digits: 2}
	for _, c := range []struct {
		m    report.Metric
		v    float64
		want string
	}{
		{whole, 0, "0"}, {whole, 999, "999"}, {whole, 1000, "1,000"}, {whole, -1234567, "-1,234,567"},
		{exact, 1234.567, "1234.57"}, {report.Metric{Key: report.Others, Digits: 1}, 0.081, "8.1"},
	} {
		if got := report.Format(c.m, c.v); got != c.want {
			t.Errorf("%v: got %s, want %s", c.v, got, c.want)
		}
	}
}
