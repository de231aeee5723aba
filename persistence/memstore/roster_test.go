package memstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-rt/troupe/topic"
	"github.com/troupe-rt/troupe/topic/roster"
)

func apply(t testing.TB, r *Rosters, name, life string, ops ...roster.Op) roster.Applied {
	t.Helper()
	a, err := r.Apply(context.Background(), name, life, ops, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func shows(key string) roster.Op { return roster.Op{Key: key, Value: []byte(`{"id":"` + key + `"}`)} }

// held is how many rosters are in memory, and how many are to be looked at again.
func held(r *Rosters) (rosters, resting int) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		rosters, resting = rosters+len(sh.rosters), resting+len(sh.resting)
		sh.mu.Unlock()
	}
	return rosters, resting
}

// A roster that nobody is on, and nobody asks for, is forgotten; there is no timer.
func TestRostersAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRosters(nil)
		text := "v"
		for i := range 1000 {
			name := fmt.Sprint("r", i)
			apply(t, r, name, "x", shows("ann"))
			apply(t, r, name, "x", roster.Op{Key: "ann"})
			apply(t, r, name, "x", roster.Op{Key: "ann"})
		}
		kept := apply(t, r, "used", "x", shows("ann"))
		asked := apply(t, r, "asked", "x", shows("ann"))
		apply(t, r, "asked", "x", roster.Op{Key: "ann"})
		err := errors.Join(r.Note(t.Context(), "noted", map[string]*string{"k": &text}), r.Close(t.Context(), "closed", time.Hour))
		if rosters, _ := held(r); rosters != 1004 || err != nil {
			t.Errorf("%d rosters, %v", rosters, err)
		}
		for range 3 {
			time.Sleep(9 * time.Minute)
			if n, err := r.Check(t.Context(), "asked"); err != nil || n.Epoch != asked.Epoch {
				t.Errorf("what is asked for is %+v, %v", n, err)
			}
			for i := range 5000 { // what is done elsewhere makes room
				apply(t, r, fmt.Sprint("other", i%700), "x", shows("ann"))
			}
		}
		if rosters, resting := held(r); rosters != 704 || resting > 10 {
			t.Errorf("%d rosters are kept, %d to be looked at", rosters, resting)
		}
		if a := apply(t, r, "used", "x", shows("bob")); a.Epoch != kept.Epoch || a.Version != 2 {
			t.Errorf("%+v follows %+v", a, kept)
		}
		if notes, err := r.Notes(t.Context(), "noted"); err != nil || notes["k"] != "v" {
			t.Errorf("notes are %v, %v", notes, err)
		}
		if n, err := r.Load(t.Context(), "closed"); err != nil || !n.Closed {
			t.Errorf("%+v, %v", n, err)
		}
	})
}

// What was never joined costs nothing, and what was left gives its memory back.
func TestRostersCostNothingWhenEmpty(t *testing.T) {
	t.Parallel()
	r := NewRosters(nil)
	for i := range 1000 {
		name := fmt.Sprint("r", i)
		_, load := r.Load(t.Context(), name)
		_, check := r.Check(t.Context(), name)
		_, notes := r.Notes(t.Context(), name)
		if err := errors.Join(load, check, notes, r.Reopen(t.Context(), name), r.Bury(t.Context(), "x", name)); err != nil {
			t.Fatal(err)
		}
		apply(t, r, name, "y", roster.Op{Key: "ann"})
	}
	if rosters, resting := held(r); rosters+resting != 0 {
		t.Errorf("%d rosters, %d resting", rosters, resting)
	}
	if len(r.lives.on) != 0 || len(r.lives.buried) != 1 {
		t.Errorf("lives are on %v, buried %v", r.lives.on, r.lives.buried)
	}
}

// The dead are forgotten in the end, ten minutes later at the earliest.
func TestBuriedLivesExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRosters(nil)
		for i := range 100 {
			if err := r.Bury(t.Context(), fmt.Sprint("life", i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if _, err := r.Apply(t.Context(), "r", fmt.Sprint("life", max(0, i-9)), []roster.Op{shows("ann")}, 0); !errors.Is(err, roster.ErrBuried) {
				t.Fatalf("ten minutes later: %v", err)
			}
		}
		if n := len(r.lives.buried); n > 30 {
			t.Errorf("%d lives are remembered", n)
		}
	})
}

// PRE-34: what a join and a leave cost does not depend on who else is there.
func TestRostersPRE34Cost(t *testing.T) {
	var costs []float64
	for _, others := range []int{10, 5000} {
		r := NewRosters(nil)
		for i := range others {
			apply(t, r, "r", "y", shows(fmt.Sprint("other", i)))
			apply(t, r, "r", "x", shows(fmt.Sprint("own", i)))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 1000 {
			apply(t, r, "r", "x", shows("ann"))
			apply(t, r, "r", "x", roster.Op{Key: "ann"})
		}
		runtime.ReadMemStats(&after)
		costs = append(costs, float64(after.TotalAlloc-before.TotalAlloc)/1000)
	}
	if costs[1] > 2*costs[0]+1000 {
		t.Errorf("a join and a leave take %.0f bytes among few, %.0f among 10,000", costs[0], costs[1])
	}
}

// A sender that fails, or whose caller has gone, holds up nothing.
func TestRostersRelay(t *testing.T) {
	t.Parallel()
	w := &wire{err: errors.New("no")}
	r := NewRosters(w)
	ctx, cancel := context.WithCancel(t.Context())
	w.publishing = cancel
	if a, err := r.Apply(ctx, "r", "x", []roster.Op{shows("ann")}, 0); err != nil || a.Version != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if w.ended || w.frames != 1 {
		t.Errorf("%d frames; the context had ended: %t", w.frames, w.ended)
	}
}

type wire struct {
	topic.Relay
	err        error
	publishing func()
	frames     int
	ended      bool
}

func (w *wire) Publish(ctx context.Context, _ string, _ []byte) error {
	w.frames++
	w.publishing()
	w.ended = ctx.Err() != nil
	return w.err
}

// What does a join and leave cost in rooms of different size?
func BenchmarkRosterJoinLeave(b *testing.B) {
	for _, room := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("room=%d", room), func(b *testing.B) {
			r := NewLocalRosters()
			for i := range room {
				apply(b, r.Rosters, "r", "y", shows(fmt.Sprint("other", i)))
			}
			op := shows("ann")
			b.ReportAllocs()
			for b.Loop() {
				apply(b, r.Rosters, "r", "x", op)
				apply(b, r.Rosters, "r", "x", roster.Op{Key: "ann"})
			}
		})
	}
}
