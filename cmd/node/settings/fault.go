package settings

import (
	"errors"
	"strings"
)

// A Fault is one thing that is wrong with the configuration.
type Fault struct {
	// Where the value was given: troupe.yaml:12:5, --listen or TROUPE_LISTEN.
	// Empty if nobody gave one.
	Where string

	// Key is the setting, such as topics[2].history.size.
	Key string

	// Err says which rule is broken.
	Err error

	// Excerpt is the line of the file with a caret under the place. Empty
	// where there is no file, and where the line may hold a secret.
	Excerpt string
}

func (f *Fault) Error() string {
	var b strings.Builder
	for _, part := range []string{f.Where, f.Key} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(f.Err.Error())
	if f.Excerpt != "" {
		b.WriteString("\n" + f.Excerpt)
	}
	return b.String()
}

func (f *Fault) Unwrap() error { return f.Err }

// join makes one error of all faults, nil if there is none.
func join(faults []*Fault) error {
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}
