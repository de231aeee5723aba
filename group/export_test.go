package group

// Crowds is how many groups the node remembers somebody in.
func Crowds(g *Groups) int {
	g.places.mu.Lock()
	defer g.places.mu.Unlock()
	return len(g.places.groups)
}
