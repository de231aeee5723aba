package topic

import "time"

// idLimit bounds the IDs that a topic without history remembers. Beyond it the
// oldest are forgotten before their time.
const idLimit = 4096

// idMemory remembers the IDs of publishes for a while. Topics with history do
// not need it: their Log remembers.
type idMemory struct {
	until map[string]time.Time
	order []string // by time of arrival
}

// seen reports whether id came before within keep, and remembers it.
func (m *idMemory) seen(id string, now time.Time, keep time.Duration) bool {
	for len(m.order) > 0 && (len(m.order) >= idLimit || !now.Before(m.until[m.order[0]])) {
		delete(m.until, m.order[0])
		m.order = m.order[1:]
	}
	if _, ok := m.until[id]; ok {
		return true
	}
	if m.until == nil {
		m.until = make(map[string]time.Time)
	}
	m.until[id] = now.Add(keep)
	m.order = append(m.order, id)
	return false
}
