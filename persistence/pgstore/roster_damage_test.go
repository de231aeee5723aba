package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/persistence/pgdb/pgtest"
	"github.com/troupe-rt/troupe/topic/roster"
)

// wantMembers compares a roster with "key=value" words.
func wantMembers(t testing.TB, r *Rosters, name, want string) roster.Snapshot {
	t.Helper()
	n, err := r.Load(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	members := strings.Fields(want)
	for _, word := range members {
		if key, value, _ := strings.Cut(word, "="); string(n.Members[key]) != value {
			t.Errorf("%s is %q, want %q", key, n.Members[key], value)
		}
	}
	if len(n.Members) != len(members) {
		t.Errorf("members are %q, want %q", n.Members, want)
	}
	return n
}

// PRE-31: whatever rows somebody deletes, changes or adds by hand: no call fails for it, and with the next round of the tasks at
// the latest the roster is sound, for another epoch or as it was.
func TestRosterPRE31DamagedRows(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	for i, damage := range []string{
		`delete from {schema}.rosters`,
		`delete from {schema}.roster_members`,
		`delete from {schema}.roster_members where key = 'ann'`,
		`delete from {schema}.roster_lives`,
		`delete from {schema}.roster_lives where life = 'x'`,
		`update {schema}.rosters set members = 0`,
		`update {schema}.rosters set members = 1000000`,
		`update {schema}.rosters set version = 0`,
		`update {schema}.rosters set id = 1`,
		`update {schema}.rosters set name = 'other'`,
		`update {schema}.roster_lives set shows = 0`,
		`update {schema}.roster_lives set shows = 100, roster = 1`,
		`update {schema}.roster_members set life = 'nobody' where life = 'y'`,
		`update {schema}.roster_members set value = 'x', turn = -turn`,
		`insert into {schema}.roster_members select id, 'ghost', 'x', 7, 'boo' from {schema}.rosters`,
		`insert into {schema}.roster_members select id, 'ghost', 'nobody', 7, 'boo' from {schema}.rosters`,
		`insert into {schema}.roster_members values (-5, 'ghost', 'x', 7, 'boo')`,
		`insert into {schema}.roster_lives values ('nobody', 'r', 1, 5, 1, 1), ('x', 'nowhere', 1, 5, 1, 1)`,
		`insert into {schema}.roster_dead values ('nobody')`,
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Open(t, url, pgdb.Config{Schema: fmt.Sprint("damage_", i), MaxConns: 2})
			r := NewRosters(db)
			applyOps(t, r, showing("ann", "1"), showing("bob", "1"))
			if _, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("ann", "2"), showing("cy", "1")}, 0); err != nil {
				t.Fatal(err)
			}
			pgtest.Exec(t, url, db.SQL(damage))
			applyOps(t, r, showing("bob", "2"), roster.Op{Key: "cy"})
			runTasks(t, r.Tasks())
			sound(t, r)
			// As the nodes do then: they compare, and show anew whom they have.
			if _, err := r.Apply(t.Context(), "r", "y", []roster.Op{showing("ann", "2"), showing("cy", "1"), {Key: "bob"}}, 0); err != nil {
				t.Fatal(err)
			}
			applyOps(t, r, showing("ann", "3"), showing("bob", "2"), roster.Op{Key: "cy"}, roster.Op{Key: "ghost"})
			if err := r.Bury(t.Context(), "nobody", "r"); err != nil {
				t.Fatal(err)
			}
			wantMembers(t, r, "r", "ann=3 bob=2 cy=1")
			sound(t, r)
			for _, life := range []string{"x", "y"} {
				if err := r.Bury(t.Context(), life); err != nil {
					t.Fatal(err)
				}
			}
			wantMembers(t, r, "r", "")
			runTasks(t, r.Tasks())
			if n := ask[int](t, url, db.SQL(`select count(*) from {schema}.roster_members`)); n > 0 {
				t.Errorf("%d rows belong to nobody", n)
			}
		})
	}
}

// sound looks whether what is counted is there.
func sound(t testing.TB, r *Rosters) {
	t.Helper()
	n, err := r.Load(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	a := applyOps(t, r)
	s, err := r.Check(t.Context(), "r")
	if err != nil || a.Count != len(n.Members) || s.Version != n.Version || s.Epoch != n.Epoch {
		t.Errorf("%+v, %+v and %+v, %v do not agree", a, n, s, err)
	}
}

// Who reads a roster on which rows are missing does not have to wait for the tasks.
func TestRosterDamageIsSeenByLoad(t *testing.T) {
	t.Parallel()
	r, url := openRosters(t)
	before := applyOps(t, r, showing("ann", "1"), showing("bob", "1"))
	pgtest.Exec(t, url, r.db.SQL(`delete from {schema}.roster_members where key = 'ann'`))
	if n := wantMembers(t, r, "r", ""); n.Epoch == before.Epoch {
		t.Errorf("it still has the epoch %s", n.Epoch)
	}
	if a := applyOps(t, r, showing("ann", "1")); a.Epoch == before.Epoch || a.Version != 1 || a.Count != 1 {
		t.Errorf("%+v follows %+v", a, before)
	}
}

// heard is what a relay brings.
type heard struct {
	mu     sync.Mutex
	frames [][]byte
}

func (h *heard) Restored(string, time.Time) {}
func (h *heard) Received(_ string, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames = append(h.frames, frame)
}

func (h *heard) all() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.frames
}

// Frames of every size arrive as package roster writes them, whatever bytes are in names, keys and values, and
// none is larger than the relay carries.
func TestRosterFrames(t *testing.T) {
	t.Parallel()
	db := pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{Timeout: 20 * time.Second})
	r, bus := NewRosters(db), startBus(t, db)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, size := range []int{1, 50, 90, 5950, 5960, 5982, 6000, 11964, 12000, 20000, 65536} {
		for more := range 3 {
			name := strings.Repeat(string(every), 1+more)[:100+more*200]
			var h heard
			if err := (fresh{bus}).Follow(t.Context(), name, &h); err != nil {
				t.Fatal(err)
			}
			ops := []roster.Op{{Key: string(every[:i+1]), Value: bytes.Repeat(every, 257)[i : min(size+more, 65536)+i]}, showing("k", "1")}
			a, err := r.Apply(t.Context(), name, "x", ops, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := roster.AppendChange(nil, a.Epoch, a.Version, a.Changes)
			pgtest.Eventually(t, 20*time.Second, "the frame is there", func() error {
				if got := h.all(); len(got) != 1 || !bytes.Equal(got[0], want) {
					return fmt.Errorf("%d frames: %.100q; want %.100q", len(got), got, want)
				}
				return nil
			})
			bus.Unfollow(name)
			if err := errors.Join(r.Close(t.Context(), name, time.Hour), r.Reopen(t.Context(), name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A burial whose values come back is cut into frames of a few megabytes; an Apply of more than a frame is refused.
func TestRosterFramesAreBounded(t *testing.T) {
	t.Parallel()
	db := pgtest.Open(t, pgtest.Shared(t).Database(t), pgdb.Config{Timeout: 30 * time.Second})
	r, bus := NewRosters(db), startBus(t, db)
	large := make([]roster.Op, 300)
	for i := range large {
		large[i] = showing(fmt.Sprint("k", i), strings.Repeat("x", roster.MaxValue))
	}
	if _, err := r.Apply(t.Context(), "r", "x", large, 0); err == nil || !strings.Contains(err.Error(), ErrTooLarge.Error()) {
		t.Errorf("18.75 MiB at once: %v", err)
	}
	other := make([]roster.Op, 100)
	for from := 0; from < len(large); from += len(other) {
		applyOps(t, r, large[from:from+len(other)]...)
		for i := range other {
			other[i] = showing(large[from+i].Key, "other")
		}
		if _, err := r.Apply(t.Context(), "r", "y", other, 0); err != nil {
			t.Fatal(err)
		}
	}
	var h heard
	if err := (fresh{bus}).Follow(t.Context(), "r", &h); err != nil {
		t.Fatal(err)
	}
	if err := r.Bury(t.Context(), "y"); err != nil { // all values come back
		t.Fatal(err)
	}
	pgtest.Eventually(t, 30*time.Second, "all values are told", func() error {
		size := 0
		for _, frame := range h.all() {
			if size += len(frame); len(frame) > 5<<20 {
				t.Errorf("a frame has %d bytes", len(frame))
			}
		}
		if size < len(large)*roster.MaxValue {
			return fmt.Errorf("%d bytes", size)
		}
		return nil
	})
	if n, err := r.Load(t.Context(), "r"); err != nil || len(n.Members) != len(large) || len(n.Members["k0"]) != roster.MaxValue {
		t.Errorf("%d members, %v", len(n.Members), err)
	}
}
