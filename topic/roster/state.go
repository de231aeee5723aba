package roster

import (
	"bytes"
	"maps"
)

// maxAhead bounds the versions that are kept until those before them have come.
const maxAhead = 256

// state is what an actor knows of its roster. It has no clock and does no I/O.
type state struct {
	epoch   string
	version uint64
	known   bool // members is the roster at version
	closed  bool
	members map[string][]byte
	rev     uint64 // of members

	ahead map[uint64][]Change // of the epoch of
	of    string
	asked uint64 // the last that was ahead when the Store was asked for the roster
	had   moment // what was known then
}

// A moment is a version of an epoch.
type moment struct {
	epoch   string
	version uint64
}

// A verdict says what became of a version that was learned of.
type verdict uint8

const (
	taken   verdict = iota // it is in members
	old                    // it was before
	early                  // it waits for versions before it
	foreign                // it belongs to another epoch, or too much waits: the roster must be read
)

// learn takes a version in. What it changed comes from next.
func (s *state) learn(epoch string, version uint64, changes []Change) verdict {
	if s.known && epoch != s.epoch {
		if version != 1 || s.epoch != "" || s.closed {
			s.keep(epoch, version, changes)
			return foreign
		}
		s.begin(epoch)
	}
	if s.known && (version <= s.version || s.closed) {
		return old
	}
	if !s.keep(epoch, version, changes) {
		return foreign
	}
	if s.known && version == s.version+1 {
		return taken
	}
	return early
}

// next takes the next version, if it is there: it is the present one then.
func (s *state) next() ([]Moved, bool) {
	changes, ok := s.ahead[s.version+1]
	if !ok || !s.known || s.of != s.epoch {
		return nil, false
	}
	s.version++
	delete(s.ahead, s.version)
	return s.take(changes), true
}

// begin starts the first epoch, with nobody there. Of another one receivers have to
// be told the whole, as its versions begin anew.
func (s *state) begin(epoch string) {
	s.epoch, s.version, s.members = epoch, 0, make(map[string][]byte)
	s.rev++
}

// keep puts a version aside, and reports false if too many are.
func (s *state) keep(epoch string, version uint64, changes []Change) bool {
	if s.ahead == nil || s.of != epoch || len(s.ahead) >= maxAhead {
		full := s.of == epoch && len(s.ahead) >= maxAhead
		s.ahead, s.of = make(map[uint64][]Change, 1), epoch
		if full {
			return false
		}
	}
	s.ahead[version] = changes
	return true
}

// take makes changes to the members.
func (s *state) take(changes []Change) []Moved {
	moved := make([]Moved, 0, len(changes))
	for _, c := range changes {
		before := s.members[c.Key]
		if c.Value == nil {
			delete(s.members, c.Key)
		} else {
			s.members[c.Key] = c.Value
		}
		if before != nil || c.Value != nil {
			moved = append(moved, Moved{Change: c, Before: before})
		}
	}
	s.rev++
	return moved
}

// adopt replaces the roster by what the Store says, and reports whether it did: not
// if more has become known since it was asked. Back tells that the Store has lost
// versions which were known: it gives their numbers a second time.
func (s *state) adopt(n Snapshot) (did, back bool) {
	forked := s.known && n.Epoch == s.epoch && n.Version == s.version && !n.Closed && !s.same(n)
	back = forked || n.Epoch == s.had.epoch && n.Version < s.had.version
	if s.known && s.epoch == n.Epoch && n.Version < s.version && !n.Closed && !back {
		return false, false
	}
	s.epoch, s.version, s.closed, s.known, s.members = n.Epoch, n.Version, n.Closed, true, n.Members
	if s.members == nil {
		s.members = make(map[string][]byte)
	}
	for version := range s.ahead {
		if s.of != s.epoch || version <= max(s.version, s.asked) { // what the Store did not have is none of its
			delete(s.ahead, version)
		}
	}
	s.rev++
	return true, back
}

// ask notes that the Store is asked for the roster.
func (s *state) ask() {
	s.asked, s.had = 0, moment{}
	if s.known {
		s.had = moment{s.epoch, s.version}
	}
	for version := range s.ahead {
		s.asked = max(s.asked, version)
	}
}

// shut empties a roster that was closed.
func (s *state) shut() {
	s.closed, s.known, s.members, s.ahead = true, true, make(map[string][]byte), nil
	s.rev++
}

// same reports whether a snapshot says nothing new.
func (s *state) same(n Snapshot) bool {
	return s.known && s.epoch == n.Epoch && s.version == n.Version && s.closed == n.Closed &&
		maps.EqualFunc(s.members, n.Members, bytes.Equal)
}
