// Package pgbus carries frames between nodes by NOTIFY, for a cluster that has Postgres and no Redis.
//
//	bus, err := pgbus.New(pgbus.Config{DB: db, Node: "a"})
//	topics, err := topic.Start(topic.Config{Relay: bus, ...})
//
// # Guarantees
//
//   - A Bus is a topic.Relay in every respect that bustest checks, on a real server (TestRelay). It needs no table, and
//     no right but to connect.
//   - A frame whose Publish returned without an error reaches every follower, in the order of its
//     publisher, or lies in a time that Restored tells: between since and the call. So it is also when the connections that
//     listen are ended ten times a second (TestKillsUnderTraffic), when the server restarts or is killed (TestRestart),
//     and when a network hangs (TestHangs). When only connections that send are ended nothing is lost and nothing
//     is announced (TestSenderKilled).
//   - Of 2,000 topics that are followed each is restored once per interruption (TestManyTopics).
//   - Frames of any size up to LargestFrame travel, cut into pieces (TestLargeFrames). What waits to be sent is
//     bounded (TestOutboxBounds), and what nobody waits for any more is not sent (TestOutboxWithdraw).
//   - A connection that stands but brings nothing is found within a Ping and the DB's timeout (TestHangs). While the
//     breaker is open Follow and Publish fail at once, and the breaker learns of an outage and of its end though
//     nobody calls (TestBreaker).
//   - What a stranger sends on the channel is counted, and hurts nobody (TestMalformed).
//   - Neither errors nor logs show a password (TestSecrets).
//
// Since of Restored is by this node's clock, and about one Ping before the connection broke: then the server had answered a
// question, and whatever was published before it was handed on ahead of the answer.
//
// # How frames travel
//
// Postgres gives a transaction that notifies a place in one queue of the whole server, and holds a lock for it
// until the commit is done: such commits go one after another, those of other programs too. So a Bus sends few and large ones. All that
// waits goes in one transaction, about 256 KiB of it, and what comes meanwhile is the next; many small frames
// share a notification, whose limit is 8,000 bytes. The transaction writes to no table, so that it does not wait for the
// disk: measured 0.08 ms instead of 2.6 ms. It takes a transaction's number, which counts towards the next vacuum of the
// server as any other does.
//
// There is one channel for all topics. LISTEN for each topic would keep frames from nodes that do not want them, at the price of a
// transaction per Follow and of a list that the server walks through for every notification and listener. So every node is given all
// frames of the cluster, and forgets what it does not follow: 1 to 2 µs each (BenchmarkUnfollowed). That, and the one queue, is what bounds a cluster
// on Postgres alone; with Redis neither exists. For that reason topics with history announce large
// events instead of sending them (Bus.MaxFrame).
//
// Follow asks the server for nothing and returns at once while the node listens. It may therefore bring a frame that was published
// a moment before it.
//
// # Messages
//
// None: a Bus is called directly, by any number of goroutines. It calls Sinks from the goroutine that listens, which must not
// wait; Restored after a malformed notification comes from another one.
//
// # Failure
//
// A lost connection is made anew for as long as it takes, first after some 20 ms, later about every 2 s. A Follow that waits for it ends with
// an error when the server says no for good: password, database, rights. Publish fails when the transaction did, for all frames of it.
// If the connection was lost before the answer came, the frames may have arrived.
//
// The server's queue is full when a listener has hung for long (8 GB by default); then Publish fails, with what
// Postgres said. A node that hangs is thrown out by the server before (idle_session_timeout, by pgdb).
package pgbus
