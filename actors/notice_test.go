package actors_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/actors"
)

type weather struct {
	where, what string
}

func (w weather) NoticeSubject() string { return w.where }

func TestNoticeComesBeforeTheNextMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, actors.Config{})
		var saw []any
		k := keep(t, s, actors.Kind[note]{}, func(p *probe) {
			p.onHandle = func(_ *actors.Context[note], p *probe, m note) {
				_, shown := p.seen()
				saw = append(shown, m.n)
			}
		})
		hold := make(chan struct{})
		tell(t, k, "a", note{do: func(*actors.Context[note], *probe) { <-hold }})
		tell(t, k, "a", note{n: 1}) // waits in the same batch already
		synctest.Wait()
		s.Announce(1)
		s.Announce(2) // replaces the first: nobody had seen it
		s.Announce("other type")
		close(hold)
		synctest.Wait()
		if want := []any{2, "other type", 1}; !slices.Equal(saw, want) {
			t.Errorf("saw %v, want %v", saw, want)
		}
	})
}

func TestNoticesOfDifferentSubjectsDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, actors.Config{})
		var p *probe
		k := keep(t, s, actors.Kind[note]{}, func(fresh *probe) { p = fresh })
		s.Announce(weather{"north", "rain"})
		s.Announce(weather{"south", "sun"})
		s.Announce(weather{"north", "snow"})
		synctest.Wait()
		if k.Len() != 0 {
			t.Fatal("a notice spawned an actor")
		}
		tell(t, k, "a", note{}) // spawned later, told all the same
		tell(t, k, "a", note{})
		synctest.Wait()
		_, got := p.seen()
		if want := []any{weather{"south", "sun"}, weather{"north", "snow"}}; !slices.Equal(got, want) {
			t.Errorf("saw %v, want %v", got, want)
		}
		time.Sleep(time.Second)
		s.Announce(weather{"south", "fog"})
		tell(t, k, "a", note{})
		synctest.Wait()
		if _, got = p.seen(); len(got) != 3 || got[2] != (weather{"south", "fog"}) {
			t.Errorf("saw %v", got)
		}
	})
}
