package pgbus

// Follows reports whether frames of the topic arrive. The backend does not know it: it hands all to all.
func (b *Bus) Follows(name string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.entries[name]
	return e != nil && e.live && b.listening
}

// Waits reports whether a Follow waits for a connection.
func (b *Bus) Waits(name string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.entries[name]
	return e != nil && len(e.waiting) > 0
}
