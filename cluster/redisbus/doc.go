// Package redisbus carries frames between nodes by Redis pub/sub: a channel per topic,
// subscribed only while the node follows the topic; on a Redis Cluster the sharded
// kind, with one connection per master in use.
//
//	bus, err := redisbus.New(redisbus.Config{Conn: conn, Node: "a"})
//	topics, err := topic.Start(topic.Config{Relay: bus, ...})
//
// # Guarantees
//
//   - A Bus is a topic.Relay in every respect that bustest checks, on one server (TestRelay)
//     and on a Cluster of three masters (TestRelaySharded).
//   - A frame whose Publish returned without an error reaches every follower, in the order
//     of its publisher, or lies in a time that Restored tells: between since and the
//     call. So it is also when connections are killed ten times a second
//     (TestKillsUnderTraffic, TestKillsUnderTrafficSharded), when the server restarts
//     (TestRestart), when a Sentinel promotes a replica (TestFailover), when a slot
//     moves to another master (TestSlotMoves), and when Redis drops a subscriber that
//     got too much at once (TestBurst). Masters of a Cluster fail one by one (TestOneMaster).
//   - A connection that stands but brings nothing is noticed when five pings in a row did
//     not come back, and replaced (TestHalfOpen). A server or a network that hangs loses
//     nothing, so nothing is announced (TestBlackhole), and no call waits longer than its
//     context and the Conn's timeout (TestPaused).
//   - While the breaker is open Follow and Publish fail at once. The breaker learns of an
//     outage and of its end though nobody calls (TestBreaker).
//   - Topics that are followed at the same time gather in few commands, also all of them
//     after an interruption (TestPortions).
//   - Messages of more than MaxFrame bytes, and those of other channels, are
//     counted and ignored (TestBUS20TooLarge).
//   - Neither errors nor logs show a password (TestSecrets).
//
// Since of Restored is by this node's clock: Redis had handed on all that was published,
// in the sense that Publish had returned, before it. It is at most about one Ping before
// the connection broke, plus the lag.
//
// # How a subscription goes
//
// What is wanted of a channel and what the server has confirmed are kept apart
// (subscription.go), with one command per channel under way. So leaving and following
// a topic over and over ends in what was asked for last. A connection (link.go) is one
// life from dialling until it is lost: one goroutine reads and never waits, one writes, one
// pings. The placer (place.go) gives channels to connections, and again after a
// loss; its pauses are jittered.
//
// # Messages
//
// None: a Bus is called directly, by any number of goroutines, and calls Sinks on the
// goroutine that reads.
//
// # Failure
//
// A lost connection is made anew for as long as it takes, first after some 10 ms, later
// about every 2 s. What Redis refuses fails the Follow that asked for it; what
// was followed before is asked for again and again. Redis drops a subscriber whose output
// buffer overflows (client-output-buffer-limit pubsub); that is an interruption like any other.
//
// The node's user needs, besides the rights for its keys, +subscribe +unsubscribe +publish (on a
// Cluster +ssubscribe +sunsubscribe +spublish) and all channels under the prefix. Without its own ping channel
// a connection is replaced every five pings.
//
// A message is checked for its size after go-redis has read it: who can write to
// Redis can make a node allocate as much as Redis lets through (proto-max-bulk-len).
package redisbus
