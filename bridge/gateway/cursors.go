package gateway

import (
	"bytes"
	"crypto/rand"

	"github.com/troupe-rt/troupe/cursor"
)

// A CursorNode is a Node that shares cursors. Clients that follow a topic whose
// policy has cursors see those of the others.
type CursorNode interface {
	Node
	Cursors() *cursor.Boards
}

func cursorName(about string) string { return cursor.Name(about) }

func newAlias() string { return rand.Text() }

// onCursor moves the client's cursor on a topic that it follows.
func (s *session) onCursor(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	data := f.position()
	if data == nil {
		return &frameError{"data", "must be there, and not null"}
	}
	reason := s.move(string(name), bytes.Clone(data))
	s.object(ref, reason, "the cursor was not moved")
	return nil
}

// move returns the reason why the cursor can not be moved.
func (s *session) move(name string, data []byte) (reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.places.get(name)
	c := s.g.cursors
	if r == nil || c == nil || c.Policy(name).Off {
		return reasonForbidden
	}
	r.moved = true
	if err := c.Move(name, cursor.Mover{Key: s.name(), User: s.identity.Data}, data); err != nil {
		return s.told("cursor", err)
	}
	return ""
}

// onCursorSnapshot gives the client all cursors of a topic that it follows. Where
// these are still on their way they are the answer.
func (s *session) onCursorSnapshot(f *frame) error {
	name, err := f.text(fieldTopic)
	if err != nil {
		return err
	}
	ref, err := f.ref(fieldRef)
	if err != nil {
		return err
	}
	s.object(ref, s.snapshot(string(name)), "there is no snapshot of the cursors")
	return nil
}

func (s *session) snapshot(name string) (reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.places.get(name)
	c := s.g.cursors
	if r == nil || c == nil || c.Policy(name).Off {
		return reasonForbidden
	}
	if r.cursors == nil {
		return ""
	}
	if err := c.Snapshot(name, s.shard, r.cursors); err != nil {
		return s.told("cursor-snapshot", err)
	}
	return ""
}

// object answers a frame that has no denial of its own.
func (s *session) object(ref []byte, reason, what string) {
	if reason != "" {
		s.send(appendError(nil, ref, reason, what))
	}
}
