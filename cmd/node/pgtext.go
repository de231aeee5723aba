package main

import "strings"

// flatten takes joined errors apart, also inside one that wraps them.
func flatten(err error) []error {
	for at := err; at != nil; {
		switch e := at.(type) {
		case interface{ Unwrap() []error }:
			return e.Unwrap()
		case interface{ Unwrap() error }:
			at = e.Unwrap()
		default:
			return []error{err}
		}
	}
	return []error{err}
}

// commented makes a comment of SQL.
func commented(sql string) string {
	var b strings.Builder
	for line := range strings.Lines(sql) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			b.WriteString("-- " + line + "\n")
		}
	}
	return b.String()
}
