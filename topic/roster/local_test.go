package roster

import (
	"fmt"
	"testing"
)

func tab(receiver int, key, value string) Session {
	return Session{Receiver: receiver, Key: key, Value: []byte(value)}
}

// ops writes what is dirty, as "a=1 b-", and has it succeed.
func ops(l *local) string {
	batch, ops, settled := l.batch()
	said := ""
	for i, op := range ops {
		said += fmt.Sprintf("%s=%s ", op.Key, op.Value)
		l.wrote(batch[i], op.Value, 1)
	}
	for _, m := range append(batch, settled...) {
		l.rest(m)
	}
	return said
}

func TestLocal(t *testing.T) {
	t.Parallel()
	one, two := seatName{nil, 1}, seatName{nil, 2}
	for _, c := range []struct {
		name string
		do   func(l *local) string
		want string
		left int
	}{
		{"the newest session counts, and the older one again after it", func(l *local) string {
			l.put(tab(1, "a", "1"))
			l.put(tab(2, "a", "2"))
			said := ops(l)
			l.take(two)
			return said + ops(l)
		}, "a=2 a=1 ", 1},
		{"a session that changes is the newest", func(l *local) string {
			l.put(tab(1, "a", "1"))
			l.put(tab(2, "a", "2"))
			l.put(tab(1, "a", "3"))
			return ops(l)
		}, "a=3 ", 1},
		{"a join and a leave in between are nothing", func(l *local) string {
			l.put(tab(1, "a", "1"))
			l.take(one)
			return ops(l)
		}, "", 0},
		{"the last one leaves", func(l *local) string {
			l.put(tab(1, "a", "1"))
			said := ops(l)
			l.take(one)
			return said + ops(l)
		}, "a=1 a= ", 0},
		{"a session under another key", func(l *local) string {
			l.put(tab(1, "a", "1"))
			said := ops(l)
			l.put(tab(1, "b", "1"))
			return said + ops(l)
		}, "a=1 a= b=1 ", 1},
		{"a grace that ends", func(l *local) string {
			l.put(tab(1, "a", "1"))
			said := ops(l)
			_, m := l.take(one)
			g := l.stay(m, []byte("1"))
			said += ops(l) + "| "
			l.expire("a", g)
			return said + ops(l)
		}, "a=1 | a= ", 0},
		{"a grace whose member came back", func(l *local) string {
			l.put(tab(1, "a", "1"))
			said := ops(l)
			_, m := l.take(one)
			g := l.stay(m, []byte("1"))
			l.put(tab(2, "a", "1"))
			if l.expire("a", g) {
				return "expired"
			}
			return said + ops(l)
		}, "a=1 ", 1},
		{"what is in doubt is written again, shown or not", func(l *local) string {
			l.put(tab(1, "a", "1"))
			said := ops(l)
			l.doubtAll(false)
			l.disown(map[string][]byte{"a": nil, "ghost": nil})
			return said + ops(l)
		}, "a=1 a=1 ghost= ", 1},
		{"what failed is written again", func(l *local) string {
			l.put(tab(1, "a", "1"))
			batch, _, _ := l.batch()
			l.take(one)
			l.failed(batch[0])
			return ops(l)
		}, "a= ", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := &local{}
			if got := c.do(l); got != c.want {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
			if len(l.keys) != c.left || len(l.dirty) > 0 {
				t.Errorf("%d members and %d to write are left, want %d", len(l.keys), len(l.dirty), c.left)
			}
		})
	}
}

// A member that was forgotten must not take away one that came under its key since.
func TestLocalRestOfTheForgotten(t *testing.T) {
	t.Parallel()
	l := &local{}
	old := l.of("a")
	l.rest(old)
	l.put(tab(1, "a", "1"))
	l.rest(old)
	if l.keys["a"] == nil {
		t.Error("the new one is gone")
	}
}

func TestLocalBatches(t *testing.T) {
	t.Parallel()
	l := &local{}
	for i := range 2*MaxOps + 10 {
		l.put(tab(i, fmt.Sprint(i), "1"))
	}
	for _, want := range []int{MaxOps, MaxOps, 10, 0} {
		batch, ops, _ := l.batch()
		if len(ops) != want || len(batch) != want {
			t.Errorf("a batch of %d, want %d", len(ops), want)
		}
	}
}
