package pgstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-rt/troupe/actors/ratelimit"
)

const (
	// maxNumber bounds what is read: sums of a few stay exact.
	maxNumber = 1<<53 - 1
	// maxStrips bounds the strips that are read; a Meter has about twenty.
	maxStrips = 64
	// maxState bounds what is looked at, in bytes.
	maxState = 4096
)

// encodeMeter writes a Meter as text: parts, each a letter and its numbers.
//
//	u until            b debt at token leased slot
//	f used end         s begun, then until and points of each strip
func encodeMeter(m *ratelimit.Meter) string {
	var b []byte
	part := func(letter byte, numbers ...int64) {
		if len(b) > 0 {
			b = append(b, ';')
		}
		b = append(b, letter)
		for _, n := range numbers {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
	}
	if m.Until != 0 {
		part('u', m.Until)
	}
	if l := m.Bucket; l != (ratelimit.Level{}) {
		part('b', l.Debt, l.At, l.Token, l.Leased, l.Slot)
	}
	if w := m.Fixed; w != (ratelimit.Window{}) {
		part('f', w.Used, w.End)
	}
	if l := m.Sliding; len(l.Strips) > 0 {
		numbers := []int64{l.Begun}
		for _, s := range l.Strips {
			numbers = append(numbers, s.Until, s.Points)
		}
		part('s', numbers...)
	}
	return string(b)
}

// decodeMeter reads what encodeMeter wrote. A part that can not be understood counts as not there.
func decodeMeter(text string) (m ratelimit.Meter) {
	if len(text) > maxState {
		return m
	}
	for part := range strings.SplitSeq(text, ";") {
		letter, rest, _ := strings.Cut(part, " ")
		n := numbersOf(rest)
		switch {
		case letter == "u" && len(n) == 1:
			m.Until = n[0]
		case letter == "b" && len(n) == 5 && n[2] > 0:
			m.Bucket = ratelimit.Level{Debt: n[0], At: n[1], Token: n[2], Leased: n[3], Slot: n[4]}
		case letter == "f" && len(n) == 2:
			m.Fixed = ratelimit.Window{Used: n[0], End: n[1]}
		case letter == "s" && len(n)%2 == 1 && len(n) <= 1+2*maxStrips:
			m.Sliding = logOf(n[0], n[1:])
		}
	}
	return m
}

// logOf has the strips in order.
func logOf(begun int64, n []int64) (l ratelimit.Log) {
	before := int64(0)
	for pair := range slices.Chunk(n, 2) {
		before = max(before, pair[0])
		l.Strips = append(l.Strips, ratelimit.Strip{Until: before, Points: pair[1]})
	}
	if len(l.Strips) > 0 {
		l.Begun = begun
	}
	return l
}

// numbersOf reads numbers that are not negative; nil if anything else is among them.
func numbersOf(text string) []int64 {
	var numbers []int64
	for word := range strings.SplitSeq(text, " ") {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n < 0 || n > maxNumber {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// A standing is what the table has of a key, and what is to be there.
type standing struct {
	meter   ratelimit.Meter
	gone    int64 // when the row may be dropped; 0: there is none
	changed bool
}

// take does what a batch wants of the keys that are known, and adds those that are not.
func take(known map[string]*standing, now int64, t ratelimit.Terms, batch []ratelimit.Want) []ratelimit.Grant {
	grants := make([]ratelimit.Grant, len(batch))
	for i, w := range batch {
		s := known[w.Key]
		if s == nil {
			s = new(standing)
			known[w.Key] = s
		}
		var changed bool
		grants[i], changed = s.meter.Take(now, t, w)
		s.changed = s.changed || changed
	}
	return grants
}

// alter does what is asked from outside. Only a ban makes a row.
func alter(known map[string]*standing, key string, now int64, c ratelimit.Change) {
	s := known[key]
	if s == nil && c.Do != ratelimit.Ban {
		return
	}
	if s == nil {
		s = new(standing)
		known[key] = s
	}
	s.meter.Change(now, c)
	s.changed = true
}

// keep sets when the row may go: when it says nothing any more, or somewhat later, so that not every
// call moves it.
func (s *standing) keep(now int64, t ratelimit.Terms) {
	const most = 60_000_000
	rest := max(s.meter.Rest(now, t), 0)
	if s.gone < now+rest || s.gone > now+rest+2*most { // too late: after the end of a ban
		s.gone = now + rest + max(1_000_000, min(rest/2, most))
	}
}
