package memstore

import (
	"bytes"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic/roster"
)

// A list is one roster. It is pure: whoever has its shard's lock calls it.
type list struct {
	name    string
	epoch   string // "" until somebody was on it
	version uint64
	members map[string][]shown         // by key, never empty
	shows   map[string]map[string]bool // the keys that each life shows, never empty
	notes   map[string]string

	closed time.Duration // until when; 0: it is open
	over   string        // the epoch that ended when it was closed

	used    time.Duration // when it was last asked for
	resting bool          // it is in its shard's queue of the same name
}

// shown is what a life shows of a member. The one that was put last is at the end, and is
// what all see.
type shown struct {
	life  string
	value []byte
}

// put shows a member and tells whether all see a change.
func (l *list) put(life, key string, value []byte) bool {
	if l.members == nil {
		l.members, l.shows = make(map[string][]shown), make(map[string]map[string]bool)
	}
	was, present := l.members[key]
	same := present && bytes.Equal(was[len(was)-1].value, value)
	if same && was[len(was)-1].life == life {
		return false
	}
	if !present {
		key = strings.Clone(key) // the caller's may be a part of something long
	}
	l.members[key] = append(without(was, life), shown{life, value})
	if l.shows[life] == nil {
		l.shows[life] = make(map[string]bool)
	}
	l.shows[life][key] = true
	return !same
}

// drop ends it. The value is what all see from now on, nil if the member is gone.
func (l *list) drop(life, key string) (value []byte, changed bool) {
	if !l.shows[life][key] {
		return nil, false
	}
	if delete(l.shows[life], key); len(l.shows[life]) == 0 {
		delete(l.shows, life)
	}
	was := l.members[key]
	before := was[len(was)-1].value
	left := without(was, life)
	if len(left) == 0 {
		delete(l.members, key)
		return nil, true
	}
	l.members[key] = left
	value = left[len(left)-1].value
	return value, !bytes.Equal(value, before)
}

func without(all []shown, life string) []shown {
	return slices.DeleteFunc(all, func(s shown) bool { return s.life == life })
}

// apply takes ops in order.
func (l *list) apply(life string, ops []roster.Op, limit int) roster.Applied {
	var a roster.Applied
	for i, op := range ops {
		if op.Value == nil {
			if value, changed := l.drop(life, op.Key); changed {
				a.Changes = append(a.Changes, roster.Change{Key: op.Key, Value: value})
			}
			continue
		}
		if limit > 0 && len(l.members) >= limit && l.members[op.Key] == nil {
			a.Refused = append(a.Refused, i)
		} else if l.put(life, op.Key, op.Value) {
			a.Changes = append(a.Changes, roster.Change(op))
		}
	}
	l.count(len(a.Changes))
	a.Epoch, a.Version, a.Count = l.epoch, l.version, len(l.members)
	return a
}

// bury drops some members that a life shows, and tells whether that was all.
func (l *list) bury(life string, most int) (changes []roster.Change, all bool) {
	keys := slices.Sorted(maps.Keys(l.shows[life]))
	for _, key := range keys[:min(most, len(keys))] {
		if value, changed := l.drop(life, key); changed {
			changes = append(changes, roster.Change{Key: key, Value: value})
		}
	}
	l.count(len(changes))
	return changes, len(keys) <= most
}

// count numbers changes, if there are any.
func (l *list) count(changes int) {
	if changes == 0 {
		return
	}
	if l.version++; l.epoch == "" {
		l.epoch = rand.Text()[:13] // 65 bits
	}
}

func (l *list) close(until time.Duration) {
	if l.closed == 0 {
		l.over = l.epoch
	}
	*l = list{name: l.name, closed: until, over: l.over, used: l.used, resting: l.resting}
}

// reopens reports whether the time for which it was closed has passed.
func (l *list) reopens(now time.Duration) bool { return l.closed > 0 && now >= l.closed }

// blank reports whether it is as if it had never been.
func (l *list) blank() bool { return l.epoch == "" && len(l.notes) == 0 && l.closed == 0 }

// forgettable reports whether a list without members has nothing that must be kept.
func (l *list) forgettable(now time.Duration) bool {
	return len(l.notes) == 0 && (l.closed == 0 || l.reopens(now)) && now-l.used >= rosterIdle
}
