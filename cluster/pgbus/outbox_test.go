package pgbus

import (
	"errors"
	"strings"
	"testing"
)

func letterOf(text string) *letter {
	return &letter{topic: "t", frame: []byte(text), done: make(chan error, 1)}
}

// taken are the frames of a batch, which has been read.
func (o *outbox) taken() string {
	var all []string
	if batch := o.take(); len(batch) > 0 {
		defer o.reading.Unlock()
		for _, l := range batch {
			all = append(all, string(l.frame))
		}
	}
	return strings.Join(all, " ")
}

func TestOutboxBounds(t *testing.T) {
	t.Parallel()
	o := &outbox{limit: 3 * letterOf("x").size()}
	if err := o.put(letterOf(strings.Repeat("large", 1000))); err != nil {
		t.Errorf("a single frame that is larger than the bound: %v", err)
	}
	if err := o.put(letterOf("")); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one more: %v", err)
	}
	o.taken()
	for range 3 {
		if err := o.put(letterOf("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.put(letterOf("x")); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one more than fits: %v", err)
	}
	if got := o.taken(); got != "x x x" || o.waiting() != 0 {
		t.Errorf("took %q, %d bytes are left", got, o.waiting())
	}
}

func TestOutboxBatches(t *testing.T) {
	t.Parallel()
	half := strings.Repeat("h", batchBytes/2)
	huge := strings.Repeat("H", 2*batchBytes)
	o := &outbox{limit: 1 << 30}
	for _, text := range []string{"1", half, "2", half, huge, "3"} {
		if err := o.put(letterOf(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"1 " + half + " 2", half, huge, "3", ""} {
		if got := o.taken(); got != want {
			t.Errorf("took %.20q (%d bytes), want %.20q (%d)", got, len(got), want, len(want))
		}
	}
}

func TestOutboxWithdraw(t *testing.T) {
	t.Parallel()
	o := &outbox{limit: 1 << 30}
	var all []*letter
	for range 10 * deadLetters {
		l := letterOf("x")
		all = append(all, l)
		if err := o.put(l); err != nil {
			t.Fatal(err)
		}
	}
	last := letterOf("last")
	if err := o.put(last); err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		o.withdraw(l)
		o.withdraw(l) // is once
	}
	if n := len(o.queue); n > 2*deadLetters+2 {
		t.Errorf("%d letters that nobody waits for are kept", n)
	}
	if want := last.size(); o.waiting() != want {
		t.Errorf("%d bytes wait, want %d", o.waiting(), want)
	}
	if got := o.taken(); got != "last" || o.dead != 0 {
		t.Errorf("took %q, with %d dead letters left", got, o.dead)
	}
	o.withdraw(last) // it was taken
	if o.waiting() != 0 || o.dead != 0 {
		t.Errorf("%d bytes wait, %d are dead", o.waiting(), o.dead)
	}
}

func TestOutboxClosed(t *testing.T) {
	t.Parallel()
	o := &outbox{limit: 1 << 30}
	l := letterOf("x")
	if err := o.put(l); err != nil {
		t.Fatal(err)
	}
	if left := o.close(); len(left) != 1 || left[0] != l {
		t.Errorf("left %d", len(left))
	}
	if err := o.put(letterOf("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
}
