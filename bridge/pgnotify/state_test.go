package pgnotify

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-rt/troupe/topic"
)

// world is what a queue works for: topics that take messages in the order in which they were posted, and answer later.
type world struct {
	q    *queue
	now  time.Time
	wire map[string][]*item // posted, not answered, by topic
	bad  map[string]bool    // topics that broke: they answer ErrBehind until all is answered, as a Chain has it

	kept map[string][]string // what each topic has, "G" for gaps
	said map[string][]string // what each topic was to have
	lost map[string]bool     // messages dropped
}

func newWorld(limit int) *world {
	return &world{q: newQueue(limit), now: time.Unix(0, 0), wire: map[string][]*item{}, bad: map[string]bool{},
		kept: map[string][]string{}, said: map[string][]string{}, lost: map[string]bool{}}
}

func (w *world) add(name string, n int) bool {
	if !w.q.accepts(name) {
		return false
	}
	w.q.add(name, topic.Message{ID: fmt.Sprint(n)}, false)
	w.said[name] = append(w.said[name], fmt.Sprint(n))
	return true
}

func (w *world) gap(name string) {
	w.q.gap(name, w.now.Add(time.Second), false)
	if s := w.said[name]; len(s) == 0 || s[len(s)-1] != "G" {
		w.said[name] = append(s, "G")
	}
}

func (w *world) take(limit int) (took int, again time.Time) {
	todo, again := w.q.take(w.now, limit)
	for _, it := range todo {
		name := it.stream.topic
		if it.isGap() {
			w.kept[name] = append(w.kept[name], "G")
			continue
		}
		w.wire[name] = append(w.wire[name], it)
	}
	return len(todo), again
}

// answer has a topic answer its oldest message.
func (w *world) answer(name string, err error) {
	line := w.wire[name]
	if len(line) == 0 {
		return
	}
	it := line[0]
	w.wire[name] = line[1:]
	if w.bad[name] {
		err = topic.ErrBehind
	}
	switch reason := w.q.answered(it, err, w.now, 0.5); {
	case reason != "":
		w.lost[it.m.ID] = true
		if reason == reasonFailed {
			w.said[name] = nil // what follows is checked by the test of that
		}
	case err == nil:
		w.kept[name] = append(w.kept[name], it.m.ID)
	default:
		w.bad[name] = true
	}
	if len(w.wire[name]) == 0 {
		delete(w.bad, name)
	}
}

// Whatever fails and whenever answers come, each topic gets every message that was accepted once and in order, gaps in
// their places, and nothing is left behind.
func TestQueueModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(4, 40).Draw(t, "limit")
		w, n := newWorld(limit), 0
		names := []string{"a", "b", "c"}
		name := rapid.SampledFrom(names)
		fault := rapid.SampledFrom([]error{nil, nil, nil, topic.ErrUnavailable, topic.ErrOverloaded})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if w.add(name.Draw(t, "topic"), n); w.q.count > limit {
					t.Fatalf("%d in a queue of %d", w.q.count, limit)
				}
				n++
			},
			"gap":    func(t *rapid.T) { w.gap(name.Draw(t, "topic")) },
			"take":   func(t *rapid.T) { w.take(rapid.IntRange(1, 9).Draw(t, "limit")) },
			"answer": func(t *rapid.T) { w.answer(name.Draw(t, "topic"), fault.Draw(t, "err")) },
			"wait": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 6000).Draw(t, "ms")) * time.Millisecond)
			},
		})
		for range 1000 { // all is well from now on
			for _, name := range names {
				for len(w.wire[name]) > 0 {
					w.answer(name, nil)
				}
			}
			if took, again := w.take(7); took == 0 && !again.IsZero() {
				w.now = again
			} else if took == 0 {
				break
			}
		}
		for _, name := range names {
			if got := trim(w.kept[name]); !slices.Equal(got, trim(w.said[name])) {
				t.Errorf("topic %s has %v, want %v", name, got, w.said[name])
			}
		}
		if w.q.count != 0 || w.q.failing != 0 || len(w.q.streams) != 0 || len(w.q.ready) != 0 {
			t.Errorf("left: %d messages, %d failing, %d streams", w.q.count, w.q.failing, len(w.q.streams))
		}
	})
}

// trim makes gaps next to each other one: a gap that was taken does not merge with the next.
func trim(words []string) []string {
	return slices.CompactFunc(slices.Clone(words), func(a, b string) bool { return a == "G" && b == "G" })
}

func TestQueueBackoff(t *testing.T) {
	t.Parallel()
	w := newWorld(100)
	w.add("a", 0)
	w.add("a", 1)
	w.add("b", 2)
	var waits []time.Duration
	for range 9 {
		w.take(10)
		w.answer("b", nil)
		for len(w.wire["a"]) > 0 {
			w.answer("a", topic.ErrUnavailable)
		}
		took, again := w.take(10)
		if took != 0 || again.IsZero() {
			t.Fatalf("took %d before it is time", took)
		}
		waits = append(waits, again.Sub(w.now))
		w.now = again
	}
	want := []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000}
	for i := range want {
		if waits[i] != want[i]*time.Millisecond {
			t.Errorf("wait %d is %s, want %dms", i, waits[i], want[i])
		}
	}
	if len(w.kept["b"]) != 1 {
		t.Error("a topic that works was held up")
	}
	if took, _ := w.take(10); took != 1 {
		t.Errorf("tries with %d messages, want one", took)
	}
}

// A topic that fails for no backend's sake costs its message, not those behind it, and is told.
func TestQueueGivesUp(t *testing.T) {
	t.Parallel()
	q, now := newQueue(100), time.Unix(0, 0)
	q.add("a", topic.Message{}, false)
	q.add("a", topic.Message{ID: "next"}, false)
	errPanicked := errors.New("panicked")
	var reason string
	for range maxTries {
		todo, _ := q.take(now, 1)
		if len(todo) != 1 || todo[0].m.ID != "" {
			t.Fatalf("took %v", todo)
		}
		reason = q.answered(todo[0], errPanicked, now, 0.5)
		now = now.Add(time.Minute)
	}
	if reason != reasonFailed {
		t.Errorf("reason %q", reason)
	}
	todo, _ := q.take(now, 10)
	if len(todo) != 1 || todo[0].m.ID != "next" {
		t.Fatalf("took %v", todo)
	}
	q.answered(todo[0], nil, now, 0.5)
	if todo, _ = q.take(now, 10); len(todo) != 1 || !todo[0].isGap() {
		t.Errorf("took %v, want the gap", todo)
	}
	if len(q.streams) != 0 || q.failing != 0 {
		t.Error("something is left")
	}
}

// A topic that fails may have half of the queue; the others go on in the rest.
func TestQueueShares(t *testing.T) {
	t.Parallel()
	w := newWorld(20)
	n := 0
	for w.add("a", n) {
		if n++; n == 1 {
			w.take(1)
			w.answer("a", topic.ErrUnavailable)
		}
	}
	if n != 10 || w.q.full() || w.add("a", n) {
		t.Errorf("the one that fails has %d", n)
	}
	if !w.add("b", 99) {
		t.Error("another has no room")
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		reason string
		again  bool
	}{
		{nil, "", false},
		{&topic.InputError{}, reasonRefused, false},
		{topic.ErrHistory, reasonHistory, false},
		{topic.ErrClosed, reasonClosed, false},
		{topic.ErrBehind, "", true},
		{fmt.Errorf("x: %w", topic.ErrUnavailable), "", true},
		{topic.ErrOverloaded, "", true},
		{topic.ErrFailed, "", true},
		{errors.New("x"), "", true},
	} {
		if reason, again := judge(&item{}, c.err); reason != c.reason || again != c.again {
			t.Errorf("%v: %q, again %v", c.err, reason, again)
		}
	}
}

func TestFed(t *testing.T) {
	t.Parallel()
	var f fed
	f.init(Channel{Feeds: []string{"room:*"}}, false)
	if f.has("a") || !f.has("room:1") || f.has("__room") {
		t.Error("patterns")
	}
	for i := range maxFed + 1 {
		f.add(fmt.Sprint("t", i))
		f.add("t1")
	}
	if f.has("t0") || !f.has("t1") || !f.has(fmt.Sprint("t", maxFed)) || len(f.names) != maxFed || len(f.order) != maxFed {
		t.Errorf("%d names", len(f.names))
	}
	f = fed{}
	f.init(Channel{}, true)
	if !f.has("x") || f.has("__x") {
		t.Error("a leader feeds all")
	}
	f = fed{}
	f.init(Channel{}, false)
	if !f.has("x") {
		t.Error("nothing is known yet")
	}
	if f.add("y"); f.has("x") || !f.has("y") {
		t.Error("what was fed is known")
	}
	f = fed{}
	f.init(Channel{Feeds: []string{"*"}, AllowSystem: true}, false)
	if !f.has("__x") {
		t.Error("system topics are allowed")
	}
}
