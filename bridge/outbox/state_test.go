package outbox

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/topic"
)

var (
	errGone  = fmt.Errorf("%w: refused", topic.ErrUnavailable)
	wrong    = &topic.InputError{Field: "data", Rule: "must be other"}
	errCrash = fmt.Errorf("%w: append: %w", topic.ErrUnavailable, &actors.PanicError{Kind: "topic"})
)

func TestJudge(t *testing.T) {
	t.Parallel()
	none := func(n int) []error { return make([]error, n) }
	for name, c := range map[string]struct {
		answers  []error
		tries    int // before
		want     []verdict
		leftover bool
		end      bool
		waits    bool
	}{
		"all are out":             {answers: none(4), want: []verdict{out, out, out, out}},
		"backend away":            {answers: []error{nil, errGone, topic.ErrBehind, topic.ErrBehind}, want: []verdict{out}, waits: true},
		"backend away for long":   {answers: []error{errGone}, tries: 100, want: nil, waits: true},
		"overloaded":              {answers: []error{nil, nil, topic.ErrOverloaded}, want: []verdict{out, out}, waits: true},
		"wrong":                   {answers: []error{nil, wrong}, want: []verdict{out, dead}, leftover: true},
		"refused":                 {answers: []error{topic.ErrFailed, topic.ErrBehind}, want: []verdict{failed}, waits: true},
		"refused once too often":  {answers: []error{topic.ErrFailed}, tries: 2, want: []verdict{dead}, leftover: true},
		"its store panics":        {answers: []error{errCrash}, want: []verdict{failed}, waits: true},
		"closed":                  {answers: []error{nil, topic.ErrClosed}, want: []verdict{out}, end: true},
		"one out behind a failed": {answers: []error{errGone, nil}, want: []verdict{out}, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(Config{MaxTries: 3, Backoff: time.Second, MaxBackoff: 4 * time.Second}, func(d time.Duration) time.Duration { return d })
			now := time.Unix(1000, 0)
			rows := make([]row, len(c.answers))
			for i := range rows {
				rows[i] = row{id: int64(i), topic: "t", tries: c.tries}
			}
			all, leftover, end := d.judge(outcome{topic: "t", rows: rows, answers: c.answers}, now)
			var got []verdict
			for _, s := range all {
				got = append(got, s.verdict)
			}
			waiting, _, _ := d.waiting(now)
			if !slices.Equal(got, c.want) || leftover != c.leftover || end != c.end || c.waits != (len(waiting) == 1) {
				t.Errorf("got %v, leftover %t, end %t, waiting %v", got, leftover, end, waiting)
			}
		})
	}
}

// TestBackoff follows one topic through trouble, and out of it.
func TestBackoff(t *testing.T) {
	t.Parallel()
	d := newDesk(Config{MaxTries: 3, Backoff: time.Second, MaxBackoff: 3 * time.Second}, func(d time.Duration) time.Duration { return d })
	now := time.Unix(1000, 0)
	rows := make([]row, 200)
	o := outcome{topic: "t", rows: rows, answers: []error{errGone}}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		d.judge(o, now)
		if waiting, freed, next := d.waiting(now); len(waiting) != 1 || freed || next.Sub(now) != want {
			t.Fatalf("failure %d: waits %s (%v, %t), want %s", i, next.Sub(now), waiting, freed, want)
		}
		now = now.Add(want)
		if waiting, freed, _ := d.waiting(now); len(waiting) != 0 || !freed {
			t.Fatalf("failure %d: not freed", i)
		}
		if _, freed, _ := d.waiting(now); freed {
			t.Fatal("freed twice")
		}
	}
	for want := 1; want <= 64; want *= 2 {
		if n := d.limit("t", len(rows)); n != want {
			t.Fatalf("limit %d, want %d", n, want)
		}
		if _, leftover, _ := d.judge(outcome{topic: "t", rows: rows, answers: make([]error, want)}, now); !leftover {
			t.Fatal("no leftover")
		}
	}
	if n := d.limit("t", len(rows)); n != len(rows) || len(d.topics) != 0 {
		t.Errorf("limit %d, %d topics", n, len(d.topics))
	}
	d.keep("slow")
	if waiting, _, next := d.waiting(now.Add(time.Hour)); !slices.Equal(waiting, []string{"slow"}) || !next.IsZero() {
		t.Errorf("waiting %v, next %s", waiting, next)
	}
	d.judge(outcome{topic: "slow", rows: rows[:1], answers: make([]error, 1)}, now)
	if len(d.topics) != 0 {
		t.Error("still slow")
	}
}

// TestFloor has it rise no further than all who drew have ended, and only with one more reading.
func TestFloor(t *testing.T) {
	t.Parallel()
	var f floor
	step := func(what string, at int64, wants bool) {
		t.Helper()
		if f.at != at || f.wants() != wants {
			t.Fatalf("%s: at %d, wants %t", what, f.at, f.wants())
		}
	}
	f.covered(everything, 0)
	step("nothing seen", 0, false)
	f.covered(9, 10) // a full reading up to 10
	step("seen", 0, true)
	f.sampled([]string{"a", "b"})
	f.covered(everything, 20)
	step("a and b draw", 0, true)
	f.sampled([]string{"b", "c"})
	f.covered(everything, 30)
	step("b draws", 0, true)
	f.sampled([]string{"c"})
	step("nobody draws", 0, false)
	f.covered(5, 6)
	step("read, but not so far", 0, false)
	f.covered(everything, 40)
	step("read once more", 9, true)
	f.sampled(nil)
	f.covered(everything, 0)
	step("all are out", 40, false)
	f.reset()
	step("reset", 0, false)
}

// TestRhythm follows a leader to sleep and awake.
func TestRhythm(t *testing.T) {
	t.Parallel()
	r := rhythm{poll: time.Second}
	var waits []time.Duration
	for range len(awakeFor) {
		wait, sleep := r.miss()
		if sleep {
			t.Fatal("asleep too early")
		}
		waits = append(waits, wait)
	}
	if !slices.Equal(waits, awakeFor) {
		t.Errorf("waits %v", waits)
	}
	if wait, sleep := r.miss(); !sleep || wait != 0 {
		t.Errorf("falls asleep: %s, %t", wait, sleep)
	}
	for _, want := range append(slices.Clone(afterSleep[1:]), time.Second, time.Second) {
		if wait, sleep := r.miss(); sleep || wait != want {
			t.Errorf("asleep: %s, %t, want %s", wait, sleep, want)
		}
	}
	for range 10 { // now and then something comes
		for range busyAfter - 1 {
			if r.hit() {
				t.Fatal("woke")
			}
		}
		if wait, sleep := r.miss(); sleep || wait != time.Second {
			t.Errorf("asleep: %s, %t", wait, sleep)
		}
	}
	for i := range busyAfter + 1 {
		if wake := r.hit(); wake != (i == busyAfter-1) {
			t.Errorf("hit %d: wakes %t", i, wake)
		}
	}
	if wait, sleep := r.miss(); sleep || wait != awakeFor[0] {
		t.Errorf("awake: %s, %t", wait, sleep)
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]blame{
		wrong: ofRow, errGone: ofBackend, topic.ErrOverloaded: ofBackend, topic.ErrClosed: ofEnd, topic.ErrFailed: ofTry,
		errCrash: ofTry, errors.New("other"): ofTry, topic.ErrBehind: ofTry,
	} {
		if got := blameFor(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	long := make([]byte, 1000)
	for i := range long {
		long[i] = "ü"[i%2]
	}
	if got := printable(string(long)); len(got) > maxReason+3 || got[:4] != "üü" {
		t.Errorf("got %q", got)
	}
	if got := printable("a\x00b\xffc"); got != "a b?c" {
		t.Errorf("got %q", got)
	}
}
