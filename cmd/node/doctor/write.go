package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

var colours = map[Verdict]string{OK: "\x1b[32m", Unknown: "\x1b[36m", Warn: "\x1b[33m", Fail: "\x1b[1;31m"}

const (
	plainColour = "\x1b[0m"
	width       = 100
	column      = 9 // where the text of a finding begins
)

// WriteText writes the report for people, in colours if they can be shown.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	last := ""
	for _, f := range r.Findings {
		if f.Backend != last {
			r.head(&b, f.Backend)
			last = f.Backend
		}
		word := fmt.Sprintf("%-*s", column-1, f.Verdict)
		if colour {
			word = colours[f.Verdict] + word + plainColour
		}
		title := f.Check
		if f.Server != "" {
			title += " of " + f.Server
		}
		b.WriteString(word + " ")
		wrap(&b, printable(title+": "+f.What+" "+f.Effect))
		if f.Fix != "" {
			b.WriteString(strings.Repeat(" ", column) + "> " + printable(f.Fix) + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %d to look at, %d failed, %d could not be checked\n", r.count(OK), r.count(Warn), r.count(Fail), r.count(Unknown))
	_, err := io.WriteString(w, b.String())
	return err
}

// printable keeps what a server says from moving the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// head says whose the findings that follow are.
func (r *Report) head(b *strings.Builder, backend string) {
	name, url := "Redis", r.Redis
	if backend == backendPostgres {
		name, url = "Postgres", r.Postgres
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%s at %s\n\n", name, url)
}

// wrap writes text in lines that begin at column, the first of which has begun.
func wrap(b *strings.Builder, text string) {
	at := column
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case at+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", column))
			at = column
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	b.WriteByte('\n')
}
