package settings

import (
	"errors"
	"fmt"
	"strings"
)

// misplaced are settings that people look for in another place.
var misplaced = map[string]string{
	"presence": "topics[].presence",
	"cursors":  "topics[].cursors",
	"limit":    "topics[].limit, with the limit itself under limits",
	"store":    "topics[].history.store",
	"notify":   "bridge.notify",
	"outbox":   "bridge.outbox",
}

// elsewhere returns the sentence for a setting that has another place, nil for others.
func elsewhere(key string) error {
	if place := misplaced[key]; place != "" {
		return fmt.Errorf("stands elsewhere: %s", place)
	}
	return nil
}

// unknown says that a name is not a setting, and which one may have been meant.
func unknown(name string, known []string) error {
	if best := Nearest(name, known); best != "" {
		return fmt.Errorf("is not a setting; did you mean %s?", best)
	}
	if len(known) == 0 {
		return errors.New("is not a setting")
	}
	return fmt.Errorf("is not a setting; there are %s", strings.Join(known, ", "))
}

// Nearest returns the known name that looks most like name, "" if none does.
func Nearest(name string, known []string) string {
	best, least := "", 3
	if len(name) > 64 {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least && d < len(k)/2+1 {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
