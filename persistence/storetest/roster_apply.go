package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

func putIsSeen(s *rosterScene) {
	tape := s.listen("r")
	a := s.apply("r", "x", "ann=1", "bob=2")
	s.told(a, 1, 2, "ann=1", "bob=2")
	tape.applied(a)
	b := s.apply("r", "y", "cy=3")
	s.told(b, 2, 3, "cy=3")
	tape.applied(b)
	if n := s.shows("r", 2, "ann=1", "bob=2", "cy=3"); n.Epoch != a.Epoch || b.Epoch != a.Epoch {
		s.Errorf("epochs %q, %q, %q", a.Epoch, b.Epoch, n.Epoch)
	}
	if n := s.check("r"); n.Epoch != a.Epoch || n.Version != 2 || n.Closed {
		s.Errorf("stands at %+v", n)
	}
	s.lives("r", map[string]int{"x": 2, "y": 1})
	c := s.apply("r", "x", "-ann")
	s.told(c, 3, 2, "-ann")
	tape.applied(c)
	s.lives("r", map[string]int{"x": 1, "y": 1})
	s.told(s.apply("r", "y", "-cy"), 4, 1, "-cy")
	s.lives("r", map[string]int{"x": 1})
}

func noChangeNoVersion(s *rosterScene) {
	a := s.apply("r", "x", "ann=1", "bob=2")
	tape := s.listen("r")
	s.told(s.apply("r", "x", "ann=1", "bob=2"), 1, 2)
	s.told(s.apply("r", "x", "ann=1", "-cy"), 1, 2)
	s.told(s.apply("r", "x"), 1, 2)
	tape.quiet()
	b := s.apply("r", "x", "ann=1", "bob=3", "-cy")
	s.told(b, 2, 2, "bob=3")
	tape.applied(b)
	s.told(s.apply("r", "x", "-bob"), 3, 1, "-bob")
	if c := s.apply("r", "x", "-bob"); c.Epoch != a.Epoch || c.Version != 3 || len(c.Changes) > 0 {
		s.Errorf("a drop that is repeated answers %+v", c)
	}
}

func memberCountsOnce(s *rosterScene) {
	s.told(s.apply("r", "x", "ann=1"), 1, 1, "ann=1")
	tape := s.listen("r")
	s.told(s.apply("r", "y", "ann=1"), 1, 1)
	s.lives("r", map[string]int{"x": 1, "y": 1})
	s.told(s.apply("r", "x", "-ann"), 1, 1)
	s.lives("r", map[string]int{"y": 1})
	s.shows("r", 1, "ann=1")
	tape.quiet()
	s.told(s.apply("r", "y", "-ann"), 2, 0, "-ann")
	s.lives("r", map[string]int{})
}

func lastPutWins(s *rosterScene) {
	s.apply("r", "x", "ann=1")
	s.told(s.apply("r", "y", "ann=2"), 2, 1, "ann=2")
	s.told(s.apply("r", "x", "ann=1"), 3, 1, "ann=1") // x is the last again
	s.told(s.apply("r", "y", "ann=1"), 3, 1)          // nobody sees that y is
	s.told(s.apply("r", "y", "ann=4"), 4, 1, "ann=4")
	s.told(s.apply("r", "x", "-ann"), 4, 1) // nobody saw x's
	s.shows("r", 4, "ann=4")
}

func olderValueComesBack(s *rosterScene) {
	s.apply("r", "x", "ann=1")
	s.apply("r", "y", "ann=2")
	s.apply("r", "z", "ann=3")
	tape := s.listen("r")
	s.told(s.apply("r", "y", "-ann"), 3, 1)
	a := s.apply("r", "z", "-ann", "bob=1")
	s.told(a, 4, 2, "ann=1", "bob=1")
	tape.applied(a)
	s.apply("r", "y", "ann=1")
	s.told(s.apply("r", "y", "-ann"), 4, 2) // the older value is the same
	s.told(s.apply("r", "x", "-ann"), 5, 1, "-ann")

	// Moved to the end and dropped, the one before it is seen.
	s.apply("m", "x", "ann=1")
	s.apply("m", "y", "ann=2")
	s.apply("m", "z", "ann=3")
	s.apply("m", "x", "ann=4")
	s.told(s.apply("m", "x", "-ann"), 5, 1, "ann=3")
	s.told(s.apply("m", "z", "-ann"), 6, 1, "ann=2")
}

func dropsOfNothing(s *rosterScene) {
	if a := s.apply("r", "x", "-ann"); a.Epoch != "" || a.Version != 0 || a.Count != 0 || len(a.Changes) > 0 {
		s.Errorf("a drop on no roster answers %+v", a)
	}
	s.apply("r", "x", "ann=1")
	tape := s.listen("r")
	s.told(s.apply("r", "y", "-ann"), 1, 1) // it is not y's
	s.told(s.apply("r", "x", "-bob"), 1, 1)
	s.shows("r", 1, "ann=1")
	tape.quiet()
}

func unknownIsEmpty(s *rosterScene) {
	if n := s.shows("r", 0); n.Epoch != "" || n.Members == nil {
		s.Errorf("an unknown roster is %+v", n)
	}
	if n := s.check("r"); n.Epoch != "" || n.Version != 0 || n.Closed || len(n.Lives) > 0 {
		s.Errorf("an unknown roster stands at %+v", n)
	}
	s.bury("nobody", "r")
	s.shows("r", 0)
}

var hostile = []string{"b", "a|b", "a:b", "a:b:c", ":", "|", "{", "}", "{b}", "a}b", "%7B", "%", "*", "?", "[ab]",
	"b\n", "\n", "b c", "\x00", "\xff\xfe", "ä", "life", "head", "members", "nodes", "constructor", "__proto__", "-b", "+b"}

// rosterNamesApart: whatever characters they have, two names are two.
func rosterNamesApart(s *rosterScene) {
	for _, name := range hostile {
		s.told(s.apply(name, "x", "who="+name), 1, 1, "who="+name)
	}
	for _, name := range hostile {
		s.shows(name, 1, "who="+name)
		s.lives(name, map[string]int{"x": 1})
	}
	for i, key := range hostile {
		op := []roster.Op{{Key: key, Value: []byte{byte('0' + i%10)}}}
		if a := s.applyOps("keys", "x", 0, op); a.Count != i+1 || len(a.Changes) != 1 || a.Changes[0].Key != key {
			s.Errorf("put of %q answers %+v", key, a)
		}
	}
	lives := make(map[string]int)
	for _, life := range hostile {
		if !strings.ContainsAny(life, " \n") {
			s.apply("lives", life, "all=1", life+"'s=1")
			lives[life] = 2
		}
	}
	s.lives("lives", lives)
	s.bury("a:b")
	delete(lives, "a:b")
	s.lives("lives", lives)
	s.shows("a:b", 1, "who=a:b")
}

func rosterBytes(s *rosterScene) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	values := [][]byte{every, []byte("\n"), []byte("x\n"), []byte(" x "), []byte("0"), []byte("\r\n\x00"), {0}, {0xff},
		[]byte(`{"a":"\u0000"}`), bytes.Repeat([]byte("v"), roster.MaxValue)}
	want := make(map[string][]byte)
	var all []roster.Op
	for i, value := range values {
		op := roster.Op{Key: fmt.Sprint(i), Value: value}
		if i == 0 {
			op.Key = string(bytes.Repeat(every, 2))
		}
		want[op.Key] = value
		all = append(all, op)
	}
	tape := s.listen("r")
	tape.applied(s.applyOps("r", "x", 0, all))
	if got := s.load("r").Members; !maps.EqualFunc(got, want, bytes.Equal) {
		s.Errorf("members are %.2000q, want %.2000q", got, want)
	}
	for _, op := range all { // another value, and the first one back
		s.applyOps("r", "y", 0, []roster.Op{{Key: op.Key, Value: []byte("other")}})
		a := s.applyOps("r", "y", 0, []roster.Op{{Key: op.Key}})
		if len(a.Changes) != 1 || !bytes.Equal(a.Changes[0].Value, op.Value) {
			s.Errorf("%.100q came back as %.100q", op.Value, a.Changes)
		}
	}
}

func changesInOrder(s *rosterScene) {
	s.apply("r", "x", "a=1", "b=1", "c=1", "d=1")
	s.apply("r", "y", "c=2")
	tape := s.listen("r")
	a := s.apply("r", "x", "z=1", "-b", "d=2", "-c", "m=1", "-q", "-a")
	s.told(a, 3, 4, "z=1", "-b", "d=2", "m=1", "-a")
	tape.applied(a)
	b := s.apply("r", "y", "k=1", "-c", "e=1")
	s.told(b, 4, 5, "k=1", "-c", "e=1")
	tape.applied(b)
}

func largestApply(s *rosterScene) {
	all := many(0, roster.MaxOps)
	tape := s.listen("r")
	for version, batch := range [][]roster.Op{all, drops(all)} {
		a := s.applyOps("r", "x", 0, batch)
		if a.Version != uint64(version+1) || written(changed(a.Changes)) != written(batch) {
			s.Errorf("version %d with %d changes", a.Version, len(a.Changes))
		}
		tape.applied(a)
	}
	s.shows("r", 2)
}

func notAllowed(s *rosterScene) {
	tape := s.listen("r")
	large := strings.Repeat("x", roster.MaxValue+1)
	for what, bad := range map[string]struct {
		life string
		ops  []roster.Op
	}{
		"too many ops":     {"x", many(0, roster.MaxOps+1)},
		"a key twice":      {"x", ops("a=1", "b=1", "a=2")},
		"a drop twice":     {"x", ops("-a", "b=1", "-a")},
		"no key":           {"x", []roster.Op{{Value: []byte("1")}}},
		"a long key":       {"x", []roster.Op{{Key: large[:roster.MaxKey+1], Value: []byte("1")}}},
		"an empty value":   {"x", ops("a=1", "b=")},
		"a long value":     {"x", ops("a=" + large)},
		"a life of spaces": {"x y", ops("a=1")},
		"no life":          {"", ops("a=1")},
	} {
		if a, err := s.Store.Apply(s.Context(), "r", bad.life, bad.ops, 0); err == nil {
			s.Errorf("%s: %+v", what, a)
		}
	}
	s.shows("r", 0)
	tape.quiet()
}

// concurrentApplies: whatever nodes do at once, its versions come one after the other, and
// lead to what Load returns.
func concurrentApplies(s *rosterScene) {
	const nodes, rounds = 6, 40
	tape := s.listen("r")
	var all sync.WaitGroup
	for n := range nodes {
		all.Go(func() {
			life := fmt.Sprint("life", n)
			for i := range rounds {
				a, err := s.Store.Apply(s.Context(), "r", life, ops(fmt.Sprint("own", n, "=", i), fmt.Sprint("all=", n*i%3)), 0)
				if err != nil || a.Count < 2 {
					s.Errorf("Apply: %+v, %v", a, err)
				}
				if i%2 == 1 {
					_, err = s.Store.Apply(s.Context(), "r", life, ops(fmt.Sprint("-own", n), "-all"), 0)
				}
				if err != nil {
					s.Errorf("Apply: %v", err)
				}
			}
		})
	}
	all.Wait()
	s.apply("r", "last", "end=1")
	versions := tape.rest()
	members := make(map[string][]byte)
	for _, c := range tape.consecutive(versions, 1) {
		if c.Value == nil {
			if members[c.Key] == nil {
				s.Errorf("%q left twice", c.Key)
			}
			delete(members, c.Key)
		} else if bytes.Equal(members[c.Key], c.Value) {
			s.Errorf("%q changed to what it was", c.Key)
		} else {
			members[c.Key] = c.Value
		}
	}
	n := s.load("r")
	if !maps.EqualFunc(n.Members, members, bytes.Equal) || n.Version != uint64(len(versions)) {
		s.Errorf("at version %d are %q; %d versions were sent and lead to %q", n.Version, n.Members, len(versions), members)
	}
	if len(n.Members) != 1 {
		s.Errorf("members are %q, want the last one", n.Members)
	}
}

func emptyKeepsPlace(s *rosterScene) {
	a := s.apply("r", "x", "ann=1")
	s.told(s.apply("r", "x", "-ann"), 2, 0, "-ann")
	if n := s.shows("r", 2); n.Epoch != a.Epoch {
		s.Errorf("epoch %q became %q", a.Epoch, n.Epoch)
	}
	if n := s.check("r"); n.Epoch != a.Epoch || n.Version != 2 || len(n.Lives) > 0 {
		s.Errorf("stands at %+v", n)
	}
	b := s.apply("r", "y", "bob=1")
	s.told(b, 3, 1, "bob=1")
	if b.Epoch != a.Epoch {
		s.Errorf("epoch %q became %q", a.Epoch, b.Epoch)
	}
}

func lostDataBeginsEpoch(s *rosterScene) {
	epochs := make(map[string]bool)
	for range 3 {
		a := s.apply("r", "x", "ann=1")
		s.told(a, 1, 1, "ann=1")
		if epochs[a.Epoch] {
			s.Errorf("epoch %q came back", a.Epoch)
		}
		epochs[a.Epoch] = true
		s.apply("r", "y", "bob=1", "ann=2")
		s.note("r", "k", "v")
		s.Empty()
		if n := s.shows("r", 0); n.Epoch != "" {
			s.Errorf("what was lost is still there: %+v", n)
		}
		s.lives("r", map[string]int{})
		s.noted("r", nil)
	}
	s.close("r", time.Hour)
	s.bury("x")
	s.Empty()
	s.told(s.apply("r", "x", "ann=1"), 1, 1, "ann=1")
}

func rosterContextEnded(s *rosterScene) {
	s.apply("r", "x", "ann=1")
	s.note("r", "k", "v")
	tape := s.listen("r")
	ctx, cancel := contextOf(s)
	cancel()
	text := "w"
	calls := map[string]func() error{
		"Apply":  func() error { _, err := s.Store.Apply(ctx, "r", "x", ops("bob=1"), 0); return err },
		"Load":   func() error { _, err := s.Store.Load(ctx, "r"); return err },
		"Check":  func() error { _, err := s.Store.Check(ctx, "r"); return err },
		"Bury":   func() error { return s.Store.Bury(ctx, "x", "r") },
		"Close":  func() error { return s.Store.Close(ctx, "r", time.Hour) },
		"Reopen": func() error { return s.Store.Reopen(ctx, "r") },
		"Notes":  func() error { _, err := s.Store.Notes(ctx, "r"); return err },
		"Note":   func() error { return s.Store.Note(ctx, "r", map[string]*string{"k": &text}) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ctx.Err()) {
			s.Errorf("%s: %v", name, err)
		}
	}
	tape.quiet()
	s.told(s.apply("r", "x"), 1, 1)
	s.noted("r", map[string]string{"k": "v"})
}
