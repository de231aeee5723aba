package topic

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func ev(seq uint64) *Event {
	return fromRecord("t", "e1", Record{Seq: seq, Name: "n", Data: []byte("1"), At: time.Unix(1000, 0)})
}

func evs(seqs ...uint64) (out []*Event) {
	for _, s := range seqs {
		out = append(out, ev(s))
	}
	return out
}

// show writes events as their numbers, announcements as T(since,oldest).
func show(list []*Event) string {
	var out []string
	for _, e := range list {
		if e.loss != nil {
			out = append(out, fmt.Sprintf("T(%d,%d)", e.loss.Since, e.loss.Oldest))
			continue
		}
		out = append(out, fmt.Sprint(e.seq))
	}
	return fmt.Sprint(out)
}

func newState(epoch string, head uint64) state {
	return state{name: "t", policy: &defaultPolicy, known: true, epoch: epoch, head: head}
}

func page(epoch string, head, oldest uint64, seqs ...uint64) Page {
	p := Page{Head: Position{epoch, head}, Oldest: oldest}
	for _, s := range seqs {
		p.Records = append(p.Records, Record{Seq: s, Name: "n", Data: []byte("1"), At: time.Unix(1000, 0)})
	}
	return p
}

func TestAccept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state  state
		epoch  string
		in     []uint64
		ready  string
		behind bool
		head   uint64
	}{
		"in order":         {newState("e1", 2), "e1", []uint64{3, 4}, "[3 4]", false, 4},
		"first ever":       {state{name: "t", policy: &defaultPolicy}, "e1", []uint64{7}, "[7]", false, 7},
		"known before":     {newState("e1", 5), "e1", []uint64{4, 5}, "[]", false, 5},
		"overlap":          {newState("e1", 5), "e1", []uint64{4, 5, 6}, "[6]", false, 6},
		"hole":             {newState("e1", 2), "e1", []uint64{4, 5}, "[]", true, 2},
		"hole in a batch":  {newState("e1", 2), "e1", []uint64{3, 5}, "[3]", true, 3},
		"another epoch":    {newState("e1", 2), "e2", []uint64{1}, "[]", true, 2},
		"beyond 2^53":      {newState("e1", 1<<60), "e1", []uint64{1<<60 + 1}, fmt.Sprintf("[%d]", uint64(1<<60+1)), false, 1<<60 + 1},
		"nothing at all":   {newState("e1", 2), "e2", nil, "[]", false, 2},
		"out of order":     {newState("e1", 2), "e1", []uint64{4, 3}, "[3 4]", false, 4},
		"the same twice":   {newState("e1", 2), "e1", []uint64{4, 4}, "[]", true, 2},
		"doubles in order": {newState("e1", 2), "e1", []uint64{3, 3, 4}, "[3 4]", false, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tc.state
			ready, behind := s.accept(tc.epoch, evs(tc.in...))
			if show(ready) != tc.ready || behind != tc.behind || s.head != tc.head {
				t.Errorf("got %s behind=%v head=%d, want %s behind=%v head=%d", show(ready), behind, s.head, tc.ready, tc.behind, tc.head)
			}
		})
	}
}

func TestAcceptClosesHole(t *testing.T) {
	t.Parallel()
	s := newState("e1", 1)
	if _, behind := s.accept("e1", evs(3, 4)); !behind {
		t.Fatal("a hole was not noticed")
	}
	ready, behind := s.accept("e1", evs(2))
	if show(ready) != "[2 3 4]" || behind {
		t.Errorf("got %s behind=%v", show(ready), behind)
	}
	if len(s.early) > 0 {
		t.Errorf("still parked: %s", show(s.early))
	}
}

func TestAcceptBoundsEarly(t *testing.T) {
	t.Parallel()
	s := newState("e1", 0)
	for seq := uint64(2); seq < 3*earlyLimit; seq++ {
		s.accept("e1", evs(seq))
	}
	if len(s.early) > earlyLimit {
		t.Errorf("%d events wait, the bound is %d", len(s.early), earlyLimit)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state state
		early []uint64
		page  Page
		ready string
		head  uint64
	}{
		"learns the head":         {state{name: "t", policy: &defaultPolicy}, nil, page("e1", 9, 3), "[]", 9},
		"fills a hole":            {newState("e1", 2), []uint64{5}, page("e1", 4, 1, 3, 4), "[3 4 5]", 5},
		"page has it all":         {newState("e1", 2), []uint64{5}, page("e1", 6, 1, 3, 4, 5, 6), "[3 4 5 6]", 6},
		"gone":                    {newState("e1", 2), []uint64{9}, page("e1", 9, 8, 8, 9), "[T(2,8) 8 9]", 9},
		"everything gone":         {newState("e1", 2), nil, page("e1", 9, 10), "[T(2,10)]", 9},
		"another epoch":           {newState("e1", 7), []uint64{9}, page("e2", 2, 1, 1, 2), "[T(7,1) 1 2]", 2},
		"another epoch, empty":    {newState("e1", 7), nil, page("e2", 0, 1), "[T(7,1)]", 0},
		"starts before the head":  {newState("e1", 4), nil, page("e1", 6, 1, 3, 4, 5, 6), "[5 6]", 6},
		"a corrupt record inside": {newState("e1", 2), nil, page("e1", 6, 1, 3, 5, 6), "[3]", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tc.state
			s.accept(s.epoch, evs(tc.early...))
			ready := s.fill(tc.page)
			if show(ready) != tc.ready || s.head != tc.head {
				t.Errorf("got %s head=%d, want %s head=%d", show(ready), s.head, tc.ready, tc.head)
			}
		})
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	at := func(seqs ...uint64) state {
		s := newState("e1", 0)
		s.accept("e1", evs(seqs...))
		return s
	}
	for name, tc := range map[string]struct {
		state state
		since Position
		after uint64
		page  Page
		want  string
		ok    bool
	}{
		"all of it":              {at(1, 2, 3), Position{"e1", 1}, 1, page("e1", 3, 1, 2, 3), "[2 3]", true},
		"without an epoch":       {at(1, 2, 3), Position{"", 1}, 1, page("e1", 3, 1, 2, 3), "[2 3]", true},
		"trimmed":                {at(1, 2, 3), Position{"e1", 0}, 0, page("e1", 3, 3, 3), "[T(0,3) 3]", true},
		"foreign epoch":          {at(1, 2, 3), Position{"e0", 2}, 0, page("e1", 3, 1, 1, 2, 3), "[T(2,1) 1 2 3]", true},
		"beyond the newest":      {at(1, 2, 3), Position{"e1", 9}, 0, page("e1", 3, 1, 1, 2, 3), "[T(9,1) 1 2 3]", true},
		"caught up":              {at(1, 2, 3), Position{"e1", 3}, 3, page("e1", 3, 1), "[]", true},
		"page older than head":   {at(1, 2, 3), Position{"e1", 0}, 0, page("e1", 2, 1, 1, 2), "[1 2 3]", true},
		"page newer than head":   {at(1, 2), Position{"e1", 0}, 0, page("e1", 3, 1, 1, 2, 3), "[1 2]", true},
		"page of another epoch":  {at(1, 2), Position{"e1", 0}, 0, page("e2", 3, 1, 1, 2, 3), "[]", false},
		"page starts too late":   {at(1, 2, 3), Position{"e1", 0}, 1, page("e1", 3, 1, 2, 3), "[]", false},
		"everything has expired": {at(1, 2, 3), Position{"e1", 1}, 1, page("e1", 3, 4), "[T(1,4)]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := tc.state.replay(tc.since, tc.after, tc.page)
			if show(got) != tc.want || ok != tc.ok {
				t.Errorf("got %s %v, want %s %v", show(got), ok, tc.want, tc.ok)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	var w window
	now := time.Unix(1001, 0)
	if _, ok := w.after(0, 0, now); ok {
		t.Error("an empty window knows nothing")
	}
	for seq := uint64(1); seq <= 1000; seq++ {
		w.push(evs(seq), 100)
	}
	if len(w.events) != 100 || w.events[0].seq != 901 {
		t.Fatalf("kept %d from %d", len(w.events), w.events[0].seq)
	}
	if _, ok := w.after(899, 0, now); ok {
		t.Error("900 is gone, the window must say so")
	}
	for _, since := range []uint64{900, 950, 999, 1000} {
		got, ok := w.after(since, 0, now)
		if !ok || uint64(len(got)) != 1000-since {
			t.Errorf("after %d: %d events, %v", since, len(got), ok)
		}
	}
	if _, ok := w.after(950, time.Second, now); ok {
		t.Error("events past their time were served")
	}
	big := fromRecord("t", "e1", Record{Seq: 1001, Name: "n", Data: slices.Concat([]byte(`"`), slices.Repeat([]byte("x"), windowBytes), []byte(`"`))})
	w.push([]*Event{big}, 100)
	if len(w.events) != 1 {
		t.Errorf("%d events beside one that fills the window", len(w.events))
	}
}

func FuzzAccept(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{3, 2, 1, 0, 1, 2, 3, 200})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newState("e1", 0)
		var got []*Event
		for _, b := range in {
			ready, _ := s.accept("e1", evs(uint64(b)+1))
			got = append(got, ready...)
		}
		for i, e := range got {
			if e.seq != uint64(i)+1 {
				t.Fatalf("delivered %s", show(got))
			}
		}
		if s.head != uint64(len(got)) {
			t.Fatalf("head %d after %d events", s.head, len(got))
		}
	})
}
