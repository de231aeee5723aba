package redisconn

// RosterKey is one of the keys of a roster: "members", "head" and others. They are in
// the slot of the topic of its name, and of its Channel.
func (n Names) RosterKey(roster, what string) string { return n.topic(roster, "roster:"+what) }

// RosterLifeKey is one of the keys that a roster has for each life of a node.
func (n Names) RosterLifeKey(roster, what, life string) string {
	return n.topic(roster, "roster:"+what+":"+life)
}

// LifeKey is one of the keys of a life of a node: "rosters" or "buried". They are in one
// slot.
func (n Names) LifeKey(life, what string) string { return n.topic("life:"+life, what) }
