// Package gateway carries topics to browsers and other clients over WebSocket.
// It accepts a connection, asks the embedding program who it is and what it may
// do, and speaks Troupe's client protocol with it.
//
//	http.Handle("/ws", gateway.Handler(node, gateway.Options{Authenticate: auth}))
//
// # Guarantees
//
//   - A client sees each number of a topic once and in order, also when it catches
//     up while others publish (TestCatchUpThenLive), or is told what it missed
//     (TestSlowDropOldest, TestBusyShard), or is closed with 1013 and comes back
//     with its last position (TestWIRE17SlowDisconnect).
//   - Frames of one connection take effect in the order they were sent
//     (TestWIRE05SubscribeTwice).
//   - Publishing with the same id from the same identity is kept and delivered
//     once, also over another connection (TestPublishSameID).
//   - Nothing a client sends ends more than its own connection (TestBadFrames,
//     TestProtocolErrors, FuzzFrame), and every frame that is not obeyed is
//     answered with what is wrong.
//   - A hook that panics, fails or is too slow denies, is counted and logged once,
//     and harms nobody else (TestHookFaults).
//   - What waits for a connection is bounded, whether it is slow
//     (TestWIRE17SlowDisconnect), reads nothing (TestClientThatNeverReads) or never
//     speaks (TestSilentClient). A frame that is partly on the wire is always
//     finished, and nothing follows a close frame (TestBacklogNeverCutsFrames).
//   - A topic with many receivers does not hold up the others
//     (TestHugeTopicShares).
//   - A client is shown on a topic only after the topic has accepted it
//     (TestPresenceNeedsTheTopic), once however often it subscribes (TestPresence), and
//     is told who else is there behind the answer (TestOrderOfPresenceAndCursors).
//   - What one may not read one may not watch (TestWatchIsRefused), and moves no cursor
//     on it (TestCursors).
//   - A connection that ends leaves all topics, groups and boards of cursors, once
//     (TestPresenceOfTheEnded, TestAllAtOnce, TestManyGroups), also those that were just
//     being asked for (TestPresenceInFlight, TestJoinInFlight), and if their actors have no
//     room to be told (TestErrands).
//   - What a limit can not be asked is refused (TestLimitsFailClosed).
//   - A quiet client hears something every minute (TestKeepAlive).
//   - Drain and Close return when every connection is down (TestDrain,
//     TestDrainOfSilentClients).
//
// # How a delivery goes
//
// A few shards share the connections; each is the outlet through which topics
// reach them, and one goroutine. A topic puts a batch of encoded events into the
// shard's inbox. The shard lays what has gathered for the topic end to end, WebSocket
// headers included, in one chunk, and writes it to each receiver's socket without
// waiting. While it writes, the next messages gather: batches come from load, not
// from a timer. A receiver whose socket is full gets a backlog and, until that is
// empty, a goroutine.
//
// Coder/websocket stays in charge of the protocol: it shakes hands, reads, unmasks
// and answers pings and closes. It is given a connection whose Write goes through
// the same outbox, so that its control frames never stand inside one of ours.
//
// One goroutine per connection reads. It handles a frame completely, hooks included,
// before it reads the next, except that the answer to a publish is not waited for.
//
// # Messages
//
// PROTOCOL.md beside this file has the frames. From clients: hello, subscribe, subscribe-batch, unsubscribe, resume, publish,
// replay, presence, cursor, cursor-snapshot, join, leave and reply. Everything else goes to Options.OnMessage.
//
// To clients: welcome, events and batches of events, subscribed,
// subscribe-denied, resumed, published, publish-denied, joined, join-denied, request, error and ping.
//
// # Beside the topics
//
// A client that follows a topic is given what comes with it: presence, from a
// [PresenceNode], and cursors, from a [CursorNode]. It joins groups of a [GroupNode]. Each is a
// seat: a receiver that gets its events through the shard as those of a topic, and that is
// never used again once it was given up. What others see of a connection without an
// identity, and the key of its cursor, is random and says nothing of the session.
//
// A [LimitNode] has the limits that Options name. They are asked by the goroutine that
// reads: a limit that costs a round trip to a backend costs each publish of a connection one.
//
// # Failure
//
// While a topic's backend fails, subscribes and publishes are denied with
// UNAVAILABLE, and so are joins of groups and what a limit stands before; presence follows when
// there is a backend again (TestPresenceOutage). While the shards have more to write than they get done, publishing
// clients are read no further (TestPressure); if others publish too much all the
// same, 16 MiB per topic, and 64 MiB in all, wait on a shard before events are lost and announced. When the
// node drains, clients are closed with 1001 and the upgrade is refused with 503.
package gateway
