package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// A tape records the frames that are sent of one roster.
type tape struct {
	s      *rosterScene
	name   string
	frames chan []byte
}

func (s *rosterScene) listen(name string) *tape {
	s.Helper()
	t := &tape{s: s, name: name, frames: make(chan []byte, 1<<14)}
	if err := s.Relay.Follow(s.Context(), name, t); err != nil {
		s.Fatalf("Follow(%q): %v", name, err)
	}
	return t
}

func (t *tape) Received(_ string, frame []byte) { t.frames <- frame }
func (t *tape) Restored(_ string, _ time.Time)  { t.frames <- []byte("the relay was interrupted") }
func (t *tape) stop()                           { t.s.Relay.Unfollow(t.name) }
func (t *tape) closed(epoch string)             { t.s.Helper(); t.is(roster.AppendClosed(nil, epoch)) }
func (t *tape) applied(a roster.Applied)        { t.s.Helper(); t.changed(a.Epoch, a.Version, a.Changes) }
func (t *tape) changed(e string, v uint64, c []roster.Change) {
	t.s.Helper()
	t.is(roster.AppendChange(nil, e, v, c))
}

// next is the next frame.
func (t *tape) next() []byte {
	t.s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	select {
	case frame := <-t.frames:
		return frame
	case <-ctx.Done():
		t.s.Fatalf("no frame of %q came", t.name)
		return nil
	}
}

func (t *tape) is(want []byte) {
	t.s.Helper()
	if got := t.next(); !bytes.Equal(got, want) {
		t.s.Fatalf("frame of %q is %.300q, want %.300q", t.name, got, want)
	}
}

// quiet shows that no other frame was sent.
func (t *tape) quiet() {
	t.s.Helper()
	t.mark()
	t.is([]byte("mark"))
}

func (t *tape) mark() {
	t.s.Helper()
	if err := t.s.Relay.Publish(t.s.Context(), t.name, []byte("mark")); err != nil {
		t.s.Fatalf("Publish(%q): %v", t.name, err)
	}
}

// A version is what a frame tells of one.
type version struct {
	epoch   string
	number  uint64
	changes []roster.Change
}

// rest are all versions that were sent up to now.
func (t *tape) rest() []version {
	t.s.Helper()
	t.mark()
	var all []version
	for {
		frame := t.next()
		if string(frame) == "mark" {
			return all
		}
		v, err := readVersion(frame)
		if err != nil {
			t.s.Fatalf("frame %.300q: %v", frame, err)
		}
		if len(v.changes) > roster.MaxOps {
			t.s.Errorf("a frame has %d changes", len(v.changes))
		}
		all = append(all, v)
	}
}

// consecutive checks that versions follow each other in one epoch from a number on, and
// returns what they changed.
func (t *tape) consecutive(all []version, from uint64) []roster.Change {
	t.s.Helper()
	var changes []roster.Change
	for i, v := range all {
		if v.number != from+uint64(i) || v.epoch != all[0].epoch {
			t.s.Fatalf("version %s/%d comes as number %d after %s/%d", v.epoch, v.number, i, all[0].epoch, from)
		}
		changes = append(changes, v.changes...)
	}
	return changes
}

// keysOf are the keys of changes in order.
func keysOf(changes []roster.Change) []string {
	keys := make([]string, len(changes))
	for i, c := range changes {
		keys[i] = c.Key
	}
	slices.Sort(keys)
	return keys
}

// readVersion reads a frame by the description of its form, not by the code of package roster.
func readVersion(frame []byte) (v version, err error) {
	line, rest, _ := bytes.Cut(frame, []byte{'\n'})
	var count int
	if _, err := fmt.Sscanf(string(line), "R %s %d %d", &v.epoch, &v.number, &count); err != nil {
		return v, err
	}
	for range count {
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if len(line) == 0 {
			return v, fmt.Errorf("%d changes are missing", count-len(v.changes))
		}
		lengths := bytes.Fields(line[1:])
		parts := make([][]byte, len(lengths))
		for i, length := range lengths {
			n, err := strconv.Atoi(string(length))
			if err != nil || n > len(rest) {
				return v, fmt.Errorf("a part of %q bytes", length)
			}
			parts[i], rest = rest[:n], rest[n:]
		}
		switch {
		case line[0] == '+' && len(parts) == 2:
			v.changes = append(v.changes, roster.Change{Key: string(parts[0]), Value: parts[1]})
		case line[0] == '-' && len(parts) == 1:
			v.changes = append(v.changes, roster.Change{Key: string(parts[0])})
		default:
			return v, fmt.Errorf("a change of the form %q", line)
		}
	}
	if len(rest) > 0 {
		return v, fmt.Errorf("%d bytes too many", len(rest))
	}
	return v, nil
}
