package storetest

import (
	"maps"
	"slices"

	"github.com/troupe-rt/troupe/topic/roster"
)

// A rosterModel is a roster as the port describes it, in the fewest words.
type rosterModel struct {
	version uint64
	members map[string][]modelShown // never empty; the last one is seen
	closed  bool
	notes   map[string]string
}

type modelShown struct{ life, value string }

func newRosterModel() *rosterModel {
	return &rosterModel{members: map[string][]modelShown{}, notes: map[string]string{}}
}

// seen is what all see of a member.
func (m *rosterModel) seen(key string) (value string, ok bool) {
	all := m.members[key]
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1].value, true
}

// set makes a life show a value, or nothing, and tells whether all see a change.
func (m *rosterModel) set(life string, op roster.Op) (c roster.Change, changed bool) {
	before, was := m.seen(op.Key)
	mine := slices.IndexFunc(m.members[op.Key], func(s modelShown) bool { return s.life == life })
	if mine >= 0 {
		m.members[op.Key] = slices.Delete(m.members[op.Key], mine, mine+1)
	}
	if op.Value != nil {
		m.members[op.Key] = append(m.members[op.Key], modelShown{life, string(op.Value)})
	}
	if len(m.members[op.Key]) == 0 {
		delete(m.members, op.Key)
	}
	after, is := m.seen(op.Key)
	if c = (roster.Change{Key: op.Key}); is {
		c.Value = []byte(after)
	}
	return c, was != is || before != after
}

func (m *rosterModel) apply(life string, all []roster.Op, limit int) (changes []roster.Change, refused []int, err error) {
	if m.closed {
		if slices.ContainsFunc(all, func(op roster.Op) bool { return op.Value != nil }) {
			return nil, nil, roster.ErrClosed
		}
		return nil, nil, nil
	}
	for i, op := range all {
		if _, is := m.seen(op.Key); op.Value != nil && !is && limit > 0 && len(m.members) >= limit {
			refused = append(refused, i)
		} else if c, changed := m.set(life, op); changed {
			changes = append(changes, c)
		}
	}
	if len(changes) > 0 {
		m.version++
	}
	return changes, refused, nil
}

// bury drops all of a life, in the order of the keys.
func (m *rosterModel) bury(life string) []roster.Change {
	var gone []roster.Op
	for _, key := range slices.Sorted(maps.Keys(m.members)) {
		if m.shows(life, key) {
			gone = append(gone, roster.Op{Key: key})
		}
	}
	changes, _, _ := m.apply(life, gone, 0)
	return changes
}

func (m *rosterModel) shows(life, key string) bool {
	return slices.ContainsFunc(m.members[key], func(s modelShown) bool { return s.life == life })
}

// lives is what Check says of them.
func (m *rosterModel) lives() map[string]int {
	count := make(map[string]int)
	for _, all := range m.members {
		for _, s := range all {
			count[s.life]++
		}
	}
	return count
}

func (m *rosterModel) snapshot() map[string][]byte {
	members := make(map[string][]byte, len(m.members))
	for key := range m.members {
		value, _ := m.seen(key)
		members[key] = []byte(value)
	}
	return members
}

func (m *rosterModel) note(set map[string]*string) error {
	if m.closed {
		return roster.ErrClosed
	}
	for key, text := range set {
		if text == nil {
			delete(m.notes, key)
		} else {
			m.notes[key] = *text
		}
	}
	return nil
}

// end empties it, for good if it is not closed.
func (m *rosterModel) end(closed bool) {
	*m = *newRosterModel()
	m.closed = closed
}
