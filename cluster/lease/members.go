package lease

import (
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
	tell := func(k Kind, m Member) { e.notices = append(e.notices, notice{change: &Change{k, m}}) }
	here := make(map[key]bool, len(v.Members))
	s.risen = nil
	for _, l := range v.Members {
		k := l.key()
		here[k] = true
		if s.own(k) {
			continue
		}
		if _, ok := s.known[k]; !ok && s.wasBuried(k) {
			// The backend went back to before the claim. Whoever was cleaned up after must
			// not go on as if it had not been.
			s.risen = append(s.risen, l.Member)
			continue
		}
		if _, ok := s.known[k]; !ok {
			s.known[k] = l.Member
			tell(Joined, l.Member)
		}
		if l.ID == s.self.ID && s.renewedTwin(k, l.Until) {
			tell(Doubled, l.Member)
		}
	}
	clear(s.dead)
	for _, d := range v.Dead {
		k := d.key()
		if !d.Done {
			s.dead[k] = d.Member
		}
		if m, ok := s.known[k]; ok && !here[k] {
			delete(s.known, k)
			s.bury(m)
			tell(Died, m)
		}
	}
	for k, m := range s.known {
		if !here[k] {
			delete(s.known, k)
			tell(Left, m)
		}
	}
	for k := range s.twins {
		if !here[k] {
			delete(s.twins, k)
		}
	}
}

func (s *state) bury(m Member) {
	s.buried = append(s.buried, m)
	if len(s.buried) > maxBuried {
		s.buried = s.buried[1:]
	}
}

func (s *state) wasBuried(k key) bool {
	return slices.ContainsFunc(s.buried, func(m Member) bool { return m.key() == k })
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
