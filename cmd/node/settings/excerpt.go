package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// source is the text of the file by lines, for showing where a mistake is.
type source struct {
	name   string
	lines  []string
	secret []bool // the line may hold (a part of) a key
}

var (
	secretKey = regexp.MustCompile(`(?i)(auth|jwt|key|hash|secret|token|password|(postgres|redis)\w*["']?\s*(:|$)|://\S*@)`)
	// harmlessKey is a setting named like a key, or like a backend, with a value that is none.
	harmlessKey = regexp.MustCompile(`\bkey["']?\s*:\s*["']?(connection|address|identity|id)\b|\bpostgresConns["']?\s*:|\bstore["']?\s*:\s*["']?(redis|postgres)["']?\s*$`)
	nameAt      = regexp.MustCompile(`^[\s-]*["']?([A-Za-z]+)["']?\s*:(\s|$)`)
)

// newSource marks every line from one that names a key, or the group that has
// keys in case their name is mistyped, to the next setting
// that is not nested in it. It looks at lines and not at the tree, because a
// file that is not YAML has no tree.
func newSource(name string, text []byte) *source {
	if len(text) > int(MaxFile) {
		text = nil // nothing of it is going to be shown
	}
	s := &source{name: name, lines: strings.Split(string(text), "\n")}
	s.secret = make([]bool, len(s.lines))
	hidden, indent := false, 0
	for i, line := range s.lines {
		depth := len(line) - len(strings.TrimLeft(line, " \t-"))
		if hidden && depth <= indent && namesSetting(line) {
			hidden = false
		}
		if !hidden && secretKey.MatchString(harmlessKey.ReplaceAllString(line, "")) {
			hidden, indent = true, depth
		}
		s.secret[i] = hidden
	}
	return s
}

// namesSetting reports whether a line begins with a setting that the file can
// have. Any other line may as well be a part of a key.
func namesSetting(line string) bool {
	m := nameAt.FindStringSubmatch(line)
	return m != nil && slices.Contains(vocabulary, m[1])
}

// where writes a place as editors and compilers do.
func (s *source) where(at place) string {
	if at.line == 0 {
		return s.name
	}
	return fmt.Sprintf("%s:%d:%d", s.name, at.line, at.column)
}

// excerpt shows the line with a caret under the column.
func (s *source) excerpt(at place) string {
	const widest = 160
	i := at.line - 1
	if i < 0 || i >= len(s.lines) || s.secret[i] {
		return ""
	}
	line := strings.TrimRight(s.lines[i], "\r")
	if utf8.RuneCountInString(line) > widest || strings.ContainsFunc(line, isControl) {
		return ""
	}
	// A tab stays a tab, so that the caret stands under its place.
	var pad strings.Builder
	column := 1
	for _, r := range line {
		if column >= at.column {
			break
		}
		if r != '\t' {
			r = ' '
		}
		pad.WriteRune(r)
		column++
	}
	return fmt.Sprintf("%6d | %s\n       | %s^", at.line, line, pad.String())
}

// isControl finds what could move the cursor of the terminal that shows it.
func isControl(r rune) bool { return r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0) }
