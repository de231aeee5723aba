package pgbus

// Follows reports whether frames of the topic arrive. The backend does not know it: it hands all to all.
func (b *Bus) Follows(name string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.entries[name]
	return e != nil && e.live && b.listening
}
