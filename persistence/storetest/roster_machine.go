package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/topic/roster"
)

// A rosterMachine makes random calls, and compares with models what is answered, kept and sent.
type rosterMachine struct {
	rosterScene
	prefix  string
	lives   []string // of three nodes, the present ones
	dead    []string
	burials int
	rosters map[string]*modelled
}

type modelled struct {
	*rosterModel
	name  string
	tape  *tape
	epoch string   // "": not known
	over  string   // the one that ended when it was closed
	past  []string // those that must not come back
}

// randomRosterCalls is a state-machine test.
func randomRosterCalls(s *rosterScene) {
	round := 0
	rapid.Check(struct{ rapid.TB }{s.T}, func(t *rapid.T) {
		round++
		m := &rosterMachine{
			rosterScene: rosterScene{t, s.RosterBackend, s.unit},
			prefix:      strconv.Itoa(round) + "/",
			rosters:     make(map[string]*modelled),
		}
		for i := range 3 {
			m.lives = append(m.lives, fmt.Sprint(m.prefix, i, ".0"))
		}
		for _, name := range []string{"a", "b"} {
			name = m.prefix + name
			m.rosters[name] = &modelled{rosterModel: newRosterModel(), name: name, tape: m.listen(name)}
		}
		t.Repeat(map[string]func(*rapid.T){
			"apply": m.doApply, "apply more": m.doApply, "apply most": m.doApply,
			"bury": m.doBury, "zombie": m.doZombie, "close": m.doClose, "reopen": m.doReopen,
			"note": m.doNote, "look": m.doLook, "empty": m.doEmpty,
		})
		for _, r := range m.rosters {
			m.look(r)
			r.tape.quiet()
			r.tape.stop()
		}
	})
}

func (m *rosterMachine) draw(t *rapid.T) *modelled {
	return m.rosters[m.prefix+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "roster")]
}

func drawOps(t *rapid.T) []roster.Op {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"k", "l", "m", "n", "o p\n"}), 0, 5, rapid.ID).Draw(t, "keys")
	all := make([]roster.Op, len(keys))
	for i, key := range keys {
		all[i].Key = key
		if v := rapid.IntRange(-2, 3).Draw(t, "value"); v > 0 {
			all[i].Value = []byte(strconv.Itoa(v))
		}
	}
	return all
}

func (m *rosterMachine) doApply(t *rapid.T) {
	r, life := m.draw(t), rapid.SampledFrom(m.lives).Draw(t, "life")
	all, limit := drawOps(t), rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "max")
	a, err := m.Store.Apply(m.Context(), r.name, life, all, limit)
	changes, refused, want := r.apply(life, all, limit)
	if !errors.Is(err, want) {
		t.Fatalf("Apply: %v, want %v", err, want)
	}
	if err != nil || r.closed {
		return
	}
	if !slices.EqualFunc(a.Changes, changes, sameChange) || !slices.Equal(a.Refused, refused) {
		t.Fatalf("Apply(%q) changes %q, refused %v; want %q, %v", written(all), written(changed(a.Changes)), a.Refused,
			written(changed(changes)), refused)
	}
	if a.Version != r.version || a.Count != len(r.members) {
		t.Fatalf("Apply leads to version %d, %d members; want %d, %d", a.Version, a.Count, r.version, len(r.members))
	}
	r.tells(t, a.Epoch)
	if len(changes) > 0 {
		r.tape.applied(a)
	}
}

func sameChange(a, b roster.Change) bool {
	return a.Key == b.Key && (a.Value == nil) == (b.Value == nil) && bytes.Equal(a.Value, b.Value)
}

// tells checks an epoch against what was told before.
func (r *modelled) tells(t *rapid.T, epoch string) {
	if r.version == 0 {
		if epoch != "" && slices.Contains(r.past, epoch) && !r.closed {
			t.Fatalf("epoch %q came back", epoch)
		}
		return
	}
	if r.epoch == "" {
		r.epoch = epoch
	}
	if epoch != r.epoch || slices.Contains(r.past, epoch) {
		t.Fatalf("epoch %q is %q now, after %q", r.epoch, epoch, r.past)
	}
}

func (r *modelled) ends(closed bool) {
	if r.epoch != "" {
		r.past = append(r.past, r.epoch)
	}
	r.epoch = ""
	r.end(closed)
}

func (m *rosterMachine) doBury(t *rapid.T) {
	node := rapid.IntRange(0, 2).Draw(t, "node")
	life := m.lives[node]
	m.dead = append(m.dead, life)
	m.burials++
	m.lives[node] = fmt.Sprint(m.prefix, node, ".", m.burials)
	m.bury(life, rapid.SampledFrom([][]string{nil, {m.prefix + "a"}}).Draw(t, "also")...)
	for _, r := range m.rosters {
		changes := r.rosterModel.bury(life)
		if len(changes) == 0 {
			continue
		}
		v, err := readVersion(r.tape.next())
		slices.SortFunc(v.changes, func(a, b roster.Change) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
		if err != nil || v.number != r.version || v.epoch != r.epoch || !slices.EqualFunc(v.changes, changes, sameChange) {
			t.Fatalf("Bury sent %+v, %v; want version %d of %q with %q", v, err, r.version, r.epoch, written(changed(changes)))
		}
	}
}

func (m *rosterMachine) doZombie(t *rapid.T) {
	if len(m.dead) == 0 {
		t.Skip("nobody is dead")
	}
	r, all := m.draw(t), drawOps(t)
	a, err := m.Store.Apply(m.Context(), r.name, rapid.SampledFrom(m.dead).Draw(t, "life"), all, 0)
	puts := slices.ContainsFunc(all, func(op roster.Op) bool { return op.Value != nil })
	switch {
	case errors.Is(err, roster.ErrBuried), r.closed && errors.Is(err, roster.ErrClosed):
	case err != nil || puts || len(a.Changes) > 0:
		t.Fatalf("a dead life's Apply(%q): %+v, %v", written(all), a, err)
	}
}

func (m *rosterMachine) doClose(t *rapid.T) {
	r := m.draw(t)
	m.close(r.name, time.Hour)
	if !r.closed {
		r.over = r.epoch
	}
	r.tape.closed(r.over)
	r.ends(true)
}

func (m *rosterMachine) doReopen(t *rapid.T) {
	r := m.draw(t)
	m.reopen(r.name)
	if r.closed {
		r.ends(false)
	}
}

func (m *rosterMachine) doNote(t *rapid.T) {
	r := m.draw(t)
	set := map[string]*string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "note"): nil}
	for key := range set {
		if text := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "text"); text != "" {
			set[key] = &text
		}
	}
	if err, want := m.Store.Note(m.Context(), r.name, set), r.note(set); !errors.Is(err, want) {
		t.Fatalf("Note: %v, want %v", err, want)
	}
}

func (m *rosterMachine) doEmpty(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
		t.Skip("not now")
	}
	m.Empty()
	for _, r := range m.rosters {
		r.ends(false)
	}
	m.dead = nil
}

func (m *rosterMachine) doLook(t *rapid.T) { m.look(m.draw(t)) }

func (m *rosterMachine) look(r *modelled) {
	n, at := m.load(r.name), m.check(r.name)
	if n.Closed != r.closed || at.Closed != r.closed {
		m.Fatalf("closed: Load says %t, Check %t, want %t", n.Closed, at.Closed, r.closed)
	}
	if n.Version != r.version || at.Version != r.version || n.Epoch != at.Epoch {
		m.Fatalf("Load says %s/%d, Check %s/%d, want version %d", n.Epoch, n.Version, at.Epoch, at.Version, r.version)
	}
	if want := r.snapshot(); !maps.EqualFunc(n.Members, want, bytes.Equal) || !maps.Equal(at.Lives, r.rosterModel.lives()) {
		m.Fatalf("members are %q of lives %v, want %q of %v", n.Members, at.Lives, want, r.rosterModel.lives())
	}
	m.noted(r.name, r.notes)
	if r.version > 0 && n.Epoch != r.epoch {
		m.Fatalf("epoch %q is %q now", r.epoch, n.Epoch)
	}
}
