package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

// story checks that an ear heard the numbers 0 to last in order, each once, but for those of which it was told that they
// may be missing: by a `stale` in their place, or with late, as nodes are told that do not lead, behind it. It returns how many
// are missing.
func story(e *ear, last int, late bool) (missing int, err error) {
	next, told, owed := 0, false, false
	for _, word := range strings.Fields(e.heard()) {
		if word == "stale" {
			told, owed = true, false
			continue
		}
		n, err := strconv.Atoi(word)
		switch {
		case err != nil || n < next:
			return 0, fmt.Errorf("heard %s where %d or more was to come", word, next)
		case n > next && !told && !late:
			return 0, fmt.Errorf("%d to %d are missing, and nothing was said", next, n-1)
		}
		owed = owed || n > next && !told
		missing += n - next
		next, told = n+1, false
	}
	switch {
	case next != last+1:
		return 0, fmt.Errorf("the last heard is %d, not %d", next-1, last)
	case owed:
		return 0, errors.New("some are missing, and nothing was said")
	}
	return missing, nil
}

// wantsStory waits until an ear has heard everything.
func (e *ear) wantsStory(t testing.TB, last int, late bool) (missing int) {
	t.Helper()
	pgtest.Eventually(t, 20*time.Second, "all events", func() (err error) {
		missing, err = story(e, last, late)
		return err
	})
	return missing
}

// numbers sends 0, 1, 2 ... until stop is closed, and returns how many.
func numbers(t testing.TB, url, channel, name string, stop <-chan struct{}) <-chan int {
	t.Helper()
	conn := connect(t, url)
	sent := make(chan int, 1)
	go func() {
		n := 0
		defer func() { sent <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			text := fmt.Sprintf(`{"topic":%q,"event":"e","data":%d}`, name, n)
			if _, err := conn.Exec(context.WithoutCancel(t.Context()), "select pg_notify($1, $2)", channel, text); err != nil {
				t.Error(err)
				return
			}
			n++
		}
	}()
	return sent
}
