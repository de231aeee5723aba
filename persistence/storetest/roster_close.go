package storetest

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

func contextOf(s *rosterScene) (context.Context, context.CancelFunc) {
	return context.WithCancel(s.Context())
}

// isClosed shows that a roster is closed and that nobody can join it.
func (s *rosterScene) isClosed(name string) {
	s.Helper()
	if n := s.load(name); !n.Closed || len(n.Members) > 0 {
		s.Errorf("%q is %+v, want it closed and empty", name, n)
	}
	if n := s.check(name); !n.Closed || len(n.Lives) > 0 {
		s.Errorf("%q stands at %+v, want it closed and empty", name, n)
	}
	if a, err := s.Store.Apply(s.Context(), name, "x", ops("-b", "late=1"), 0); !errors.Is(err, roster.ErrClosed) {
		s.Errorf("a put on the closed %q: %+v, %v", name, a, err)
	}
	if a, err := s.Store.Apply(s.Context(), name, "x", ops("-ann", "-late"), 0); err != nil || a.Count > 0 || len(a.Changes) > 0 {
		s.Errorf("a drop on the closed %q: %+v, %v", name, a, err)
	}
	text := "v"
	if err := s.Store.Note(s.Context(), name, map[string]*string{"k": &text}); !errors.Is(err, roster.ErrClosed) {
		s.Errorf("Note on the closed %q: %v", name, err)
	}
}

// isNew shows that a roster is open and as if it had never been.
func (s *rosterScene) isNew(name string, past ...string) {
	s.Helper()
	s.shows(name, 0)
	s.lives(name, map[string]int{})
	s.noted(name, nil)
	a := s.apply(name, "x", "new=1")
	s.told(a, 1, 1, "new=1")
	for _, epoch := range past {
		if a.Epoch == epoch {
			s.Errorf("epoch %q came back", epoch)
		}
	}
	s.shows(name, 1, "new=1")
}

func closeEnds(s *rosterScene) {
	a := s.apply("r", "x", "ann=1", "bob=1")
	s.apply("r", "y", "ann=2")
	s.apply("other", "x", "ann=1")
	s.note("r", "k", "v")
	tape, other := s.listen("r"), s.listen("other")
	s.close("r", time.Hour)
	tape.closed(a.Epoch)
	s.isClosed("r")
	tape.quiet()
	other.quiet()
	s.shows("other", 1, "ann=1")
	s.bury("x")
	s.bury("y", "r")
	tape.quiet()
	s.shows("other", 2)
}

func closeAgain(s *rosterScene) {
	a := s.apply("r", "x", "ann=1")
	tape := s.listen("r")
	for range 3 {
		s.close("r", time.Hour)
		tape.closed(a.Epoch)
	}
	s.isClosed("r")
	never := s.listen("never")
	s.close("never", time.Hour)
	never.closed("")
	s.isClosed("never")

	// The newest time counts.
	s.close("r", s.unit/4)
	s.close("never", s.unit/4)
	s.eventually("both are open", func() bool { return !s.check("r").Closed && !s.check("never").Closed })
	s.close("r", s.unit/4)
	s.close("r", time.Hour)
	s.close("never", s.unit/4)
	s.eventually("one is open", func() bool { return !s.check("never").Closed })
	s.isClosed("r")
}

func reopens(s *rosterScene) {
	a := s.apply("r", "x", "ann=1")
	s.note("r", "k", "v")
	s.close("r", time.Hour)
	s.reopen("r")
	b := s.load("r").Epoch
	s.isNew("r", a.Epoch, b)
	if b == a.Epoch {
		s.Errorf("epoch %q outlived the roster", b)
	}
	s.told(s.apply("r", "y", "bob=1"), 2, 2, "bob=1")
	s.close("r", time.Hour)
	s.isClosed("r")
	s.reopen("r")
	s.isNew("r", a.Epoch)
	s.bury("x")
	s.bury("y")
	s.shows("r", 2)
}

func opensInTime(s *rosterScene) {
	a := s.apply("r", "x", "ann=1")
	s.note("r", "k", "v")
	began := time.Now()
	s.close("r", s.unit)
	s.eventually("it is open", func() bool { return !s.check("r").Closed })
	if took := time.Since(began); took < s.unit*9/10 {
		s.Errorf("it was open after %v, want %v", took, s.unit)
	}
	s.isNew("r", a.Epoch)
	s.note("r", "new", "v")
	s.noted("r", map[string]string{"new": "v"})
}

func reopenOpen(s *rosterScene) {
	s.reopen("never")
	s.shows("never", 0)
	a := s.apply("r", "x", "ann=1")
	s.note("r", "k", "v")
	tape := s.listen("r")
	s.reopen("r")
	tape.quiet()
	if n := s.shows("r", 1, "ann=1"); n.Epoch != a.Epoch {
		s.Errorf("epoch %q became %q", a.Epoch, n.Epoch)
	}
	s.noted("r", map[string]string{"k": "v"})
}

// note notes pairs of keys and texts.
func (s *rosterScene) note(name string, pairs ...string) {
	s.Helper()
	set := make(map[string]*string)
	for i := 0; i+1 < len(pairs); i += 2 {
		set[pairs[i]] = &pairs[i+1]
	}
	s.noteAll(name, set)
}

func (s *rosterScene) noteAll(name string, set map[string]*string) {
	s.Helper()
	if err := s.Store.Note(s.Context(), name, set); err != nil {
		s.Fatalf("Note(%q): %v", name, err)
	}
}

func (s *rosterScene) noted(name string, want map[string]string) {
	s.Helper()
	got, err := s.Store.Notes(s.Context(), name)
	if err != nil || !maps.Equal(got, want) {
		s.Errorf("Notes(%q) = %q, %v; want %q", name, got, err, want)
	}
}

func notes(s *rosterScene) {
	s.noted("r", nil)
	tape := s.listen("r")
	s.note("r", "a", "1", "b", "2", "empty", "")
	s.noted("r", map[string]string{"a": "1", "b": "2", "empty": ""})
	s.note("r", "b", "3", "c d\n", "\x00\xff")
	s.noteAll("r", map[string]*string{"a": nil, "never": nil})
	s.noteAll("r", nil)
	s.noted("r", map[string]string{"b": "3", "c d\n": "\x00\xff", "empty": ""})
	s.noted("other", nil)
	s.shows("r", 0)
	tape.quiet()

	// They stay while members come and go.
	s.apply("r", "x", "ann=1")
	s.apply("r", "x", "-ann")
	s.bury("x", "r")
	text := "4"
	s.noteAll("r", map[string]*string{"b": &text, "empty": nil})
	s.noted("r", map[string]string{"b": "4", "c d\n": "\x00\xff"})
	s.noteAll("r", map[string]*string{"b": nil, "c d\n": nil})
	s.noted("r", nil)
}
