package redisconn

import "strings"

// DefaultPrefix begins the keys and channels of a cluster that was given none.
const DefaultPrefix = "troupe:"

// Names are the names of every key and channel of a cluster. All begin with its
// prefix. What belongs to a topic is in one hash slot: the topic, which must not be
// empty, stands in braces, escaped so that two topics never share a name.
type Names struct{ prefix string }

// NamesFor returns the names under a prefix.
func NamesFor(prefix string) Names { return Names{prefix} }

// Prefix is what all names begin with.
func (n Names) Prefix() string { return n.prefix }

// Head is the hash with a topic's epoch and newest number.
func (n Names) Head(topic string) string { return n.topic(topic, "head") }

// Log is the stream of a topic's events.
func (n Names) Log(topic string) string { return n.topic(topic, "log") }

// IDs are the two hashes, generation 0 and 1, of the ids that a topic has seen.
func (n Names) IDs(topic string, generation int) string {
	return n.topic(topic, "ids"+string(rune('0'+generation)))
}

// Channel is where a topic's frames are published.
func (n Names) Channel(topic string) string { return n.topic(topic, "relay") }

// TopicOf is the topic of a Channel.
func (n Names) TopicOf(channel string) (string, bool) {
	rest, ok := strings.CutPrefix(channel, n.prefix+"{")
	rest, tail := strings.CutSuffix(rest, "}:relay")
	if !ok || !tail || strings.ContainsAny(rest, "{}") {
		return "", false
	}
	return unescape.Replace(rest), true
}

// Nodes is the set of leases, NodeInfo the hash of what the nodes say of
// themselves; both in one slot.
func (n Names) Nodes() string { return n.prefix + "{nodes}:leases" }

// NodeInfo is described at Nodes.
func (n Names) NodeInfo() string { return n.prefix + "{nodes}:info" }

// NodeKey is a further key in the slot of Nodes, and in that of a topic named nodes:
// what must not be head, log, ids0, ids1 or relay.
func (n Names) NodeKey(what string) string { return n.prefix + "{nodes}:" + what }

// Ping is the channel on which a node hears itself.
func (n Names) Ping(node string) string { return n.prefix + "ping:" + node }

func (n Names) topic(topic, what string) string {
	return n.prefix + "{" + escape.Replace(topic) + "}:" + what
}

var (
	escape   = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")
	unescape = strings.NewReplacer("%25", "%", "%7B", "{", "%7D", "}")
)
