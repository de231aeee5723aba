package lease

import (
	"maps"
	"slices"
	"time"
)

// A twin is a life with our ID that is not ours.
type twin struct {
	until    time.Time
	renewals int
}

// twinRenewals makes a twin a living process. A node that crashed and started again finds
// its former life's lease; a call that was under way, and a survivor that writes
// leases back, can each have prolonged it once.
const twinRenewals = 2

// compareViews finds who came and who went since the last view.
func (s *state) compareViews(v View, e *effects) {
	slices.SortFunc(v.Members, compareLeases)
	here := make(map[key]bool, len(v.Members))
	s.risen = nil
	for _, l := range v.Members {
		here[l.key()] = true
		if !s.own(l.key()) {
			s.meet(l, e)
		}
	}
	clear(s.dead)
	for _, d := range v.Dead {
		k := d.key()
		if !d.Done {
			s.dead[k] = d.Member
		}
		if !here[k] {
			s.end(Died, k, e)
		}
	}
	for _, k := range slices.Collect(maps.Keys(s.known)) {
		if !here[k] {
			s.end(Left, k, e)
		}
	}
	maps.DeleteFunc(s.twins, func(k key, _ twin) bool { return !here[k] })
}

// meet looks at somebody's lease.
func (s *state) meet(l Lease, e *effects) {
	k := l.key()
	if s.buried[k] {
		// The backend went back to before the claim. Whoever was cleaned up after must
		// not go on as if it had not been.
		s.risen = append(s.risen, l.Member)
		s.end(Died, k, e)
		return
	}
	if _, ok := s.known[k]; !ok {
		s.known[k] = l.Member
		e.tell(Joined, l.Member)
	}
	if l.ID == s.self.ID && s.renewedTwin(k, l.Until) {
		e.tell(Doubled, l.Member)
	}
}

// end tells that a member has gone, unless that was told.
func (s *state) end(how Kind, k key, e *effects) {
	m, ok := s.known[k]
	if !ok {
		return
	}
	delete(s.known, k)
	if how == Died {
		s.bury(k)
	}
	e.tell(how, m)
}

func (e *effects) tell(k Kind, m Member) {
	e.notices = append(e.notices, notice{change: &Change{k, m}})
}

// won notes a claim of ours, which the next view would show if the backend kept it.
func (s *state) won(m Member) {
	s.dead[m.key()] = m
	s.bury(m.key())
}

func (s *state) bury(k key) {
	if s.buried[k] {
		return
	}
	s.buried[k] = true
	s.graves = append(s.graves, k)
	if len(s.graves) > maxBuried {
		delete(s.buried, s.graves[0])
		s.graves = s.graves[1:]
	}
}

func (s *state) own(k key) bool { return k == s.self.key() || slices.Contains(s.former, k) }

// renewedTwin reports once that a twin is being renewed.
func (s *state) renewedTwin(k key, until time.Time) bool {
	t, seen := s.twins[k]
	if seen && until.After(t.until) {
		t.renewals++
	}
	before := s.twins[k].renewals
	t.until = until
	s.twins[k] = t
	return before < twinRenewals && t.renewals == twinRenewals
}

// show makes the list for people, sorted.
func (s *state) show(v View) {
	list := make([]Lease, 0, len(v.Members)+len(v.Dead))
	for _, l := range v.Members {
		l.State = Alive
		if l.Until.Sub(v.Now) < s.ttl-s.every-s.slack() {
			l.State = Suspect
		}
		list = append(list, l)
	}
	for _, d := range v.Dead {
		if !d.Done {
			list = append(list, Lease{Member: d.Member, Until: d.Until, State: Dead})
		}
	}
	slices.SortFunc(list, compareLeases)
	s.view = list
}
