package redisconn

// Cursors is the hash of a topic's cursors.
func (n Names) Cursors(topic string) string { return n.topic(topic, "cursors") }
