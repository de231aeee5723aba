package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteMarkdown writes a heading and a table for each scenario.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.header(&b)
	for _, s := range r.Scenarios {
		s.markdown(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (r Report) header(b *strings.Builder) {
	fmt.Fprintf(b, "# Benchmarks\n\n- machine: %s, %d cores, Linux %s, %s\n- date: %s\n- commit: %s\n- command: `%s`\n",
		r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go, r.Date, r.commit(), r.Command)
	fmt.Fprintf(b, "- payload: %d bytes of JSON\n\n", r.Payload)
	b.WriteString("Figures are medians of rounds, with the extremes in parentheses. Ratios compare rounds that ran one\n" +
		"after the other. Server and load client share the cores. The floor is a bare loop of write(2).\n")
}

// Markdown writes one scenario.
func (s Scenario) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", s.Name, s.Question)
	if s.Skipped != "" {
		fmt.Fprintf(b, "Skipped: %s\n", s.Skipped)
		return
	}
	if rows := s.rows(); len(rows) > 1 {
		writeTable(b, rows)
	}
	if s.Note != "" {
		fmt.Fprintf(b, "\n%s\n", s.Note)
	}
	for _, t := range s.Targets {
		if t.Error != "" {
			fmt.Fprintf(b, "\n%s FAILED: %s\n", t.Name, t.Error)
		}
		if n := t.Disturbed(); n > 0 {
			fmt.Fprintf(b, "\n%s: others disturbed %d of %d rounds.\n", t.Name, n, len(t.Rounds))
		}
	}
}

// Text is one scenario as Markdown.
func (s Scenario) Text() string {
	var b strings.Builder
	s.markdown(&b)
	return b.String()
}

// rows are the table's, the heading first.
func (s Scenario) rows() [][]string {
	ours, rivals := s.split()
	head := []string{""}
	for _, t := range s.Targets {
		head = append(head, t.Name)
	}
	for _, rival := range rivals {
		head = append(head, Ours+" / "+rival.Name)
	}
	rows := [][]string{head}
	for _, m := range Catalog {
		if row, ok := s.row(m, ours, rivals); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// split finds what ratios are between: ours, and everyone else.
func (s Scenario) split() (ours Target, rivals []Target) {
	found := false
	for _, t := range s.Targets {
		if t.Name == Ours {
			ours, found = t, true
		} else {
			rivals = append(rivals, t)
		}
	}
	if !found {
		return ours, nil
	}
	return ours, rivals
}

func (s Scenario) row(m Metric, ours Target, rivals []Target) (row []string, any bool) {
	row = []string{m.Label}
	for _, t := range s.Targets {
		cell := ""
		if v, ok := t.Summary(m.Key); ok && t.Error == "" {
			any = true
			cell = Format(m, v.Median)
			if v.Rounds > 1 {
				cell += " (" + Format(m, v.Min) + " to " + Format(m, v.Max) + ")"
			}
		}
		row = append(row, cell)
	}
	for _, rival := range rivals {
		cell := ""
		if v, ok := ours.Ratio(rival, m.Key); ok && m.Ratio && ours.Error == "" && rival.Error == "" {
			cell = strconv.FormatFloat(v.Median, 'f', 2, 64)
			if v.Rounds > 1 {
				cell += fmt.Sprintf(" (%.2f to %.2f)", v.Min, v.Max)
			}
		}
		row = append(row, cell)
	}
	return row, any
}

// Format writes a value of a metric: digits, groups of thousands, per cent.
func Format(m Metric, v float64) string {
	if m.Key == Others {
		v *= 100
	}
	text := strconv.FormatFloat(v, 'f', m.Digits, 64)
	if m.Digits > 0 {
		return text
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

func writeTable(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	for n, row := range rows {
		b.WriteByte('|')
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len(cell))
			if i == 0 {
				fmt.Fprintf(b, " %s%s |", cell, pad)
			} else {
				fmt.Fprintf(b, " %s%s |", pad, cell)
			}
		}
		b.WriteByte('\n')
		if n == 0 {
			ruler(b, width)
		}
	}
}

func ruler(b *strings.Builder, width []int) {
	b.WriteByte('|')
	for i, w := range width {
		if i == 0 {
			b.WriteString(strings.Repeat("-", w+2) + "|")
		} else {
			b.WriteString(strings.Repeat("-", w+1) + ":|")
		}
	}
	b.WriteByte('\n')
}
