package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

func buryDrops(s *rosterScene) {
	for i := range 20 {
		s.apply(fmt.Sprint("r", i), "x", "a=1", "b=2")
		s.apply(fmt.Sprint("r", i), "y", "c=3")
	}
	s.apply("other", "y", "a=1")
	tape, other := s.listen("r7"), s.listen("other")
	s.bury("x")
	for i := range 20 {
		name := fmt.Sprint("r", i)
		s.shows(name, s.check(name).Version, "c=3")
		s.lives(name, map[string]int{"y": 1})
	}
	if left := tape.consecutive(tape.rest(), 3); fmt.Sprint(keysOf(left)) != "[a b]" || left[0].Value != nil || left[1].Value != nil {
		s.Errorf("leaves are %v", left)
	}
	other.quiet()
	s.shows("other", 1, "a=1")
	version := s.check("r7").Version
	s.told(s.apply("r7", "y", "-c"), version+1, 0, "-c")
}

func buryRestores(s *rosterScene) {
	s.apply("r", "x", "both=1", "same=1", "old=1")
	s.apply("r", "y", "both=2", "same=1", "mine=2")
	s.apply("r", "x", "old=3")
	s.apply("r", "z", "old=4")
	tape := s.listen("r")
	s.bury("y")
	s.shows("r", 5, "both=1", "same=1", "old=4")
	left := tape.consecutive(tape.rest(), 5)
	slices.SortFunc(left, func(a, b roster.Change) int { return len(a.Value) - len(b.Value) })
	if got := written(changed(left)); got != "-mine both=1" {
		s.Errorf("changes are %q", got)
	}
	s.bury("z")
	s.shows("r", 6, "both=1", "same=1", "old=3")
	s.told(s.apply("r", "x", "-both", "-same", "-old"), 7, 0, "-both", "-same", "-old")
}

func buryNamed(s *rosterScene) {
	s.apply("r", "x", "a=1")
	s.apply("r", "y", "b=1")
	s.bury("x", "r", "never", "r")
	s.shows("r", 3, "b=1")
	s.shows("never", 0)
	s.apply("never", "y", "a=1")
	s.refusesDead("never", "x", 1)
}

func buryAgain(s *rosterScene) {
	s.apply("r", "x", "a=1")
	s.apply("r", "y", "b=1")
	s.bury("x")
	tape := s.listen("r")
	s.bury("x")
	s.bury("x", "r")
	s.bury("unknown", "r")
	tape.quiet()
	s.shows("r", 3, "b=1")
}

// fill has x and y show members of three rosters, some of them both.
func (s *rosterScene) fill(names []string, members int) {
	s.Helper()
	for i, name := range names {
		for from := 0; from < members; from += roster.MaxOps {
			s.applyOps(name, "x", 0, many(from, min(from+roster.MaxOps, members)))
		}
		s.applyOps(name, "y", 0, many(i, i+20))
		s.applyOps(name, "y", 0, ops("member1=other", "only y's=1"))
	}
}

// dropped checks that all that x showed on a roster is gone, and was told once.
func (s *rosterScene) dropped(t *tape, from uint64, members int) {
	s.Helper()
	versions := t.rest()
	changes := t.consecutive(versions, from)
	keys := keysOf(changes)
	if once := slices.Compact(slices.Clone(keys)); len(once) != len(keys) {
		s.Errorf("%q: %d changes of %d members", t.name, len(keys), len(once))
	}
	if len(keys) != members {
		s.Errorf("%q: %d members left, want %d", t.name, len(keys), members)
	}
	n := s.check(t.name)
	if n.Version != from+uint64(len(versions))-1 || n.Lives["x"] != 0 {
		s.Errorf("%q stands at %+v after %d versions from %d", t.name, n, len(versions), from)
	}
}

func buryBeside(s *rosterScene) {
	names := []string{"r0", "r1", "r2"}
	s.fill(names, 1500)
	tapes, from, want := s.listenAll(names)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if err := s.Store.Bury(s.Context(), "x", names[:i]...); err != nil {
				s.Errorf("Bury: %v", err)
			}
		})
	}
	all.Wait()
	for i, t := range tapes {
		s.dropped(t, from[i], want[i])
	}
}

// listenAll begins to listen, and returns from which version on how many leaves are to come.
func (s *rosterScene) listenAll(names []string) (tapes []*tape, from []uint64, want []int) {
	s.Helper()
	for _, name := range names {
		n := s.check(name)
		tapes, from = append(tapes, s.listen(name)), append(from, n.Version+1)
		want = append(want, n.Lives["x"]-n.Lives["y"]+1) // what y shows too, all but one, stays as it is
	}
	return tapes, from, want
}

// A shortContext ends when it was asked so many times whether it has.
type shortContext struct {
	context.Context
	left atomic.Int64
	done chan struct{}
}

func newShort(parent context.Context, asks int) *shortContext {
	c := &shortContext{Context: parent, done: make(chan struct{})}
	c.left.Store(int64(asks))
	return c
}

func (c *shortContext) Err() error {
	switch left := c.left.Add(-1); {
	case left == 0:
		close(c.done)
		return context.Canceled
	case left < 0:
		return context.Canceled
	}
	return nil
}

func (c *shortContext) Done() <-chan struct{}            { return c.done }
func (c *shortContext) Deadline() (t time.Time, ok bool) { return }

// buryInterrupted: whoever goes on where another stopped tells nothing twice.
func buryInterrupted(s *rosterScene) {
	names := []string{"r0", "r1", "r2"}
	s.fill(names, 1500)
	tapes, from, want := s.listenAll(names)
	stopped := 0
	for asks := 1; ; asks += 1 + asks/4 {
		err := s.Store.Bury(newShort(s.Context(), asks), "x", "r1")
		if err == nil {
			break
		}
		stopped++
		if !errors.Is(err, context.Canceled) || asks > 10_000 {
			s.Fatalf("Bury that was asked to stop at ask %d: %v", asks, err)
		}
	}
	if stopped == 0 {
		s.Error("Bury did not stop when its context ended")
	}
	s.bury("x")
	for i, t := range tapes {
		s.dropped(t, from[i], want[i])
	}
}

// refusesDead shows that a buried life can put nothing on a roster, which is at a version.
func (s *rosterScene) refusesDead(name, life string, version uint64) {
	s.Helper()
	if a, err := s.Store.Apply(s.Context(), name, life, ops("ghost=1"), 0); !errors.Is(err, roster.ErrBuried) {
		s.Errorf("a put of the dead %q on %q: %+v, %v", life, name, a, err)
	}
	if a, err := s.Store.Apply(s.Context(), name, life, ops("-ghost", "-a"), 0); err != nil && !errors.Is(err, roster.ErrBuried) || len(a.Changes) > 0 {
		s.Errorf("a drop of the dead %q on %q: %+v, %v", life, name, a, err)
	}
	if n := s.check(name); n.Version != version || n.Lives[life] != 0 {
		s.Errorf("%q stands at %+v, want version %d", name, n, version)
	}
}

func deadDoNothing(s *rosterScene) {
	s.apply("r", "x", "a=1")
	s.apply("r", "y", "a=1", "b=1")
	s.apply("old", "x", "a=1")
	s.apply("old", "x", "-a")
	s.bury("x")
	s.refusesDead("r", "x", 2)
	s.refusesDead("old", "x", 2)
	s.refusesDead("new", "x", 0)
	s.apply("new", "y", "a=1")
	s.refusesDead("new", "x", 1)
	s.told(s.apply("r", "x2", "a=2"), 3, 2, "a=2") // the node's next life
	s.bury("never-was")
	s.refusesDead("r", "never-was", 3)
}

// buryBesideCalls: what a node that was taken for dead does meanwhile is dropped with the rest,
// or refused.
func buryBesideCalls(s *rosterScene) {
	for round := range 10 {
		life := fmt.Sprint("x", round)
		var all sync.WaitGroup
		var over atomic.Bool
		began := make(chan struct{}, 4)
		for n := range 4 {
			all.Go(func() { s.callUntilBuried(life, n, began, &over) })
		}
		for range 4 {
			<-began
		}
		s.bury(life)
		over.Store(true)
		all.Wait()
		for i := range 20 {
			s.lives(fmt.Sprint("r", i), map[string]int{})
		}
		if s.Failed() {
			return
		}
	}
}

func (s *rosterScene) callUntilBuried(life string, n int, began chan struct{}, over *atomic.Bool) {
	for i := 0; ; i++ {
		last := over.Load()
		name := fmt.Sprint("r", i*7%5*4+n)
		_, err := s.Store.Apply(s.Context(), name, life, ops("a=1", fmt.Sprint("b=", i)), 0)
		if err == nil && i%3 == 0 && !last {
			_, err = s.Store.Apply(s.Context(), name, life, ops("-a", "-b"), 0)
		}
		if i == 10 || i < 10 && err != nil {
			began <- struct{}{}
		}
		if errors.Is(err, roster.ErrBuried) {
			return
		}
		if err != nil || last {
			s.Errorf("call %d, after Bury %t: %v", i, last, err)
			return
		}
	}
}
