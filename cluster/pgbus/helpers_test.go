package pgbus_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/cluster/pgbus"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
)

const patience = 20 * time.Second

// sink remembers what a bus brings.
type sink struct {
	mu       sync.Mutex
	frames   map[string][]string
	restored map[string][]interruption
}

// An interruption is what Restored told.
type interruption struct{ since, at time.Time }

func newSink() *sink {
	return &sink{frames: map[string][]string{}, restored: map[string][]interruption{}}
}

func (s *sink) Received(name string, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames[name] = append(s.frames[name], string(frame))
}

func (s *sink) Restored(name string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored[name] = append(s.restored[name], interruption{since, time.Now()})
}

func (s *sink) got(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames[name])
}

func (s *sink) interruptions(name string) []interruption {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.restored[name])
}

// wantFrame waits for a frame.
func (s *sink) wantFrame(t testing.TB, name, frame string) {
	t.Helper()
	pgtest.Eventually(t, patience, fmt.Sprintf("frame %.20q arrives", frame), func() error {
		if got := s.got(name); !slices.Contains(got, frame) {
			return fmt.Errorf("got %d, at last %.20q", len(got), got[max(0, len(got)-5):])
		}
		return nil
	})
}

func (s *sink) wantRestored(t testing.TB, name string, times int) {
	t.Helper()
	pgtest.Eventually(t, patience, "topic is restored", func() error {
		if n := len(s.interruptions(name)); n < times {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
}

func follow(t testing.TB, bus *pgbus.Bus, name string, to *sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := bus.Follow(ctx, name, to); err != nil {
		t.Fatal(err)
	}
}

// insist publishes until that works.
func insist(t testing.TB, bus *pgbus.Bus, name, frame string) {
	t.Helper()
	pgtest.Eventually(t, patience, "publishing works", func() error {
		return bus.Publish(t.Context(), name, []byte(frame))
	})
}

func connected(bus *pgbus.Bus, want bool) func() error {
	return func() error {
		if is := bus.Connected(); is != want {
			return fmt.Errorf("connected: %t", is)
		}
		return nil
	}
}

// nameOf is the database of a URL.
func nameOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// A letter is a frame that was published without an error.
type letter struct {
	frame        string
	began, ended time.Time
}

// keepSending publishes about once per pause until stop, and returns what succeeded.
func keepSending(t testing.TB, bus *pgbus.Bus, name string, pause time.Duration, stop chan struct{}) (sent []letter) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return sent
		case <-tick.C:
		}
		l := letter{frame: fmt.Sprintf("%s/%d", name, n), began: time.Now()}
		if bus.Publish(t.Context(), "room", []byte(l.frame)) == nil {
			l.ended = time.Now()
			sent = append(sent, l)
		}
	}
}

// checkLetters wants each letter once, in order, or inside an interruption.
func checkLetters(t testing.TB, to *sink, sent ...[]letter) (lost int) {
	t.Helper()
	at := map[string]int{}
	for i, frame := range to.got("room") {
		if _, twice := at[frame]; twice {
			t.Errorf("frame %s came twice", frame)
		}
		at[frame] = i
	}
	told := to.interruptions("room")
	for _, letters := range sent {
		last := -1
		for _, l := range letters {
			i, came := at[l.frame]
			switch {
			case came && i < last:
				t.Errorf("frame %s is out of order", l.frame)
			case came:
				last = i
			case !slices.ContainsFunc(told, func(r interruption) bool {
				return !l.ended.Before(r.since) && !l.began.After(r.at)
			}):
				t.Errorf("frame %s is missing, and nobody said so", l.frame)
			default:
				lost++
			}
		}
	}
	return lost
}
