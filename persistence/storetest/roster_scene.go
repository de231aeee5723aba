package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// ops reads "key=value" as a put and "-key" as a drop.
func ops(texts ...string) []roster.Op {
	all := make([]roster.Op, len(texts))
	for i, text := range texts {
		key, value, put := strings.Cut(text, "=")
		if all[i] = (roster.Op{Key: key, Value: []byte(value)}); !put {
			all[i] = roster.Op{Key: strings.TrimPrefix(text, "-")}
		}
	}
	return all
}

// many puts members n to m-1.
func many(n, m int) []roster.Op {
	all := make([]roster.Op, 0, m-n)
	for i := n; i < m; i++ {
		all = append(all, roster.Op{Key: fmt.Sprint("member", i), Value: fmt.Append(nil, i)})
	}
	return all
}

// drops turns puts into drops.
func drops(puts []roster.Op) []roster.Op {
	all := make([]roster.Op, len(puts))
	for i, op := range puts {
		all[i].Key = op.Key
	}
	return all
}

func changed(changes []roster.Change) []roster.Op {
	all := make([]roster.Op, len(changes))
	for i, c := range changes {
		all[i] = roster.Op(c)
	}
	return all
}

func written(all []roster.Op) string {
	texts := make([]string, len(all))
	for i, op := range all {
		if texts[i] = "-" + op.Key; op.Value != nil {
			texts[i] = op.Key + "=" + string(op.Value)
		}
	}
	return strings.Join(texts, " ")
}

// apply calls Apply without a bound.
func (s *rosterScene) apply(name, life string, all ...string) roster.Applied {
	s.Helper()
	return s.applyOps(name, life, 0, ops(all...))
}

func (s *rosterScene) applyOps(name, life string, limit int, all []roster.Op) roster.Applied {
	s.Helper()
	a, err := s.Store.Apply(s.Context(), name, life, all, limit)
	if err != nil {
		s.Fatalf("Apply(%q, %q, %.200s): %v", name, life, written(all), err)
	}
	s.checkEpoch(a.Epoch, a.Version)
	if len(a.Changes) > 0 && a.Version == 0 {
		s.Fatalf("Apply(%q, %q) has changes and no version", name, life)
	}
	return a
}

func (s *rosterScene) checkEpoch(epoch string, version uint64) {
	s.Helper()
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(epoch) > 64 || strings.ContainsFunc(epoch, bad) || epoch == "" && version > 0 {
		s.Fatalf("version %d has epoch %q", version, epoch)
	}
}

// told compares what an Apply answered.
func (s *rosterScene) told(a roster.Applied, version uint64, count int, changes ...string) {
	s.Helper()
	if a.Version != version || a.Count != count {
		s.Errorf("version %d, %d members; want %d, %d", a.Version, a.Count, version, count)
	}
	if got := written(changed(a.Changes)); got != strings.Join(changes, " ") {
		s.Errorf("changes %q, want %q", got, changes)
	}
}

func (s *rosterScene) load(name string) roster.Snapshot {
	s.Helper()
	n, err := s.Store.Load(s.Context(), name)
	if err != nil {
		s.Fatalf("Load(%q): %v", name, err)
	}
	s.checkEpoch(n.Epoch, n.Version)
	return n
}

func (s *rosterScene) check(name string) roster.Standing {
	s.Helper()
	n, err := s.Store.Check(s.Context(), name)
	if err != nil {
		s.Fatalf("Check(%q): %v", name, err)
	}
	s.checkEpoch(n.Epoch, n.Version)
	return n
}

// shows compares the whole roster.
func (s *rosterScene) shows(name string, version uint64, members ...string) roster.Snapshot {
	s.Helper()
	n := s.load(name)
	want := make(map[string][]byte)
	for _, op := range ops(members...) {
		want[op.Key] = op.Value
	}
	if n.Version != version || n.Closed || !maps.EqualFunc(n.Members, want, bytes.Equal) {
		s.Errorf("%q is at version %d, closed %t, with %.500q; want version %d with %.500q", name, n.Version, n.Closed, n.Members, version, want)
	}
	return n
}

// lives compares what Check says of how many members each life shows.
func (s *rosterScene) lives(name string, want map[string]int) {
	s.Helper()
	if got := s.check(name).Lives; !maps.Equal(got, want) {
		s.Errorf("lives on %q are %v, want %v", name, got, want)
	}
}

func (s *rosterScene) bury(life string, also ...string) {
	s.Helper()
	if err := s.Store.Bury(s.Context(), life, also...); err != nil {
		s.Fatalf("Bury(%q): %v", life, err)
	}
}

func (s *rosterScene) close(name string, keep time.Duration) {
	s.Helper()
	if err := s.Store.Close(s.Context(), name, keep); err != nil {
		s.Fatalf("Close(%q): %v", name, err)
	}
}

func (s *rosterScene) reopen(name string) {
	s.Helper()
	if err := s.Store.Reopen(s.Context(), name); err != nil {
		s.Fatalf("Reopen(%q): %v", name, err)
	}
}

// eventually waits for a condition.
func (s *rosterScene) eventually(what string, ok func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(s.unit / 50)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			s.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}
