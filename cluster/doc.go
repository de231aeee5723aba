// Package cluster starts a node: it reads a Config, wires actors, topics,
// storage, relay and membership together, and stops them in order. It does
// nothing else.
//
// # Guarantees
//
//   - The zero Config starts a node that works (TestZeroConfigWorks).
//   - All faults of a Config are reported at once, each with its field and the
//     rule (TestAllFaultsAtOnce). No error shows a password (TestStartWithoutRedis, TestStartWithoutPostgres).
//   - Nodes that are given the same Redis and prefix are one system: what is
//     published on one is delivered on all, once and in one order
//     (TestBUS01DeliveredOnAll, TestREP25OneOrder, TestBUS25ShardsAndNodes), also while every connection to
//     Redis is killed again and again (TestBUS18ConnectionsKilled). Nodes with
//     another prefix hear nothing of it (TestPrefixesAreApart).
//   - Postgres alone will do as well: nodes that are given the same database and schema are one system, for
//     topics with and without history, presence, groups, cursors and limits (the tests that have a subtest
//     postgres, such as TestBUS01DeliveredOnAll, TestBUS18ConnectionsKilled, TestKilledNodeIsCleanedUpAfter). Nodes that start at
//     once on an empty database do (TestPGR01FirstStartAtOnce); other schemas are other clusters (TestSchemasAreApart).
//   - Beside Redis, Postgres keeps the topics whose policy says so, and an outage of either concerns its own
//     topics only (TestRedisAndPostgres).
//   - An event that a node had written when it died is found by the others (TestEventOfDeadNodeIsFound).
//   - When Postgres crashes, what was acknowledged is there; who was on which roster is written back, and nobody is
//     taken for dead (TestRoomsSurviveCrashOfPostgres).
//   - Notifications of Postgres and what transactions left in the outbox reach the receivers of all
//     nodes (TestNTF10NotificationsReachAllNodes, TestOutboxReachesAllNodes).
//   - While Redis is down, publishes with history fail within the deadline of one
//     call, and at once when the breaker is open (TestREP15Outage,
//     TestErrOpenReachesPublisher); live ones go on among a node's own
//     receivers. An outage begins and ends once for every listener of OnHealth.
//   - A node that alone can not reach Redis goes on serving its own, and is filled in
//     or told when the way is back (TestSYS03Partition).
//   - A Redis that lost everything is noticed by every node within seconds
//     (TestREP11Emptied), one that restarted from an old snapshot as soon as it is
//     back (TestREP11OldSnapshot): receivers are told by `truncated`.
//   - Who writes garbage into Redis reaches nobody (TestBUS09Garbage).
//   - Who was on a node that is killed leaves for all, each seen once, within 10 s
//     (TestKilledNodeIsCleanedUpAfter); members of a node that was only cut off are shown
//     again when it is back (TestPausedNodeShowsItsMembersAgain), those that an emptied
//     Redis lost, also by coming back with older data, are written back
//     (TestRoomsSurviveEmptiedRedis, TestRoomsSurviveOldRedis).
//   - The cursors of a node go with it (TestCursorsGoWithTheirNode).
//   - Rate limits are shared by all nodes, and allow nothing while Redis can not be asked
//     (TestNodesShareLimits).
//   - A node that stops takes its members along, and gives its lease back when that is
//     done (TestDrainedNodeLeavesRooms). If it can not, it lets the lease run out, and the
//     others do it (TestUncleanNodeIsLeftToOthers).
//   - Drain runs the hooks newest first, then stops presence, groups, cursors and limits,
//     then the topics, then gives the lease back, then stops the actors (TestDrainOrder). A publish that was accepted
//     before is answered (TestDrainAnswersWhatWasAccepted).
//   - Drain returns soon after its context has ended, and its error names what
//     did not finish (TestDrainIsBounded). Calls after the first share its
//     result (TestDrainTwice).
//   - The end of the context given to Start drains the node (TestContextEndsNode).
//   - After Drain or Close no goroutine of the node is left (TestMain).
//   - Two nodes in one process share nothing but the Redis they are given
//     (TestNodesAreApart).
//
// # Order
//
// Up: metrics, actors, storage and relay, topics, lease, then presence, groups, cursors and
// limits, which keep what they have under the life of the lease, then the bridges from Postgres; then whoever
// calls OnDrain. Down: the hooks, the bridges, presence, groups, cursors and limits at the same time, topics, lease,
// relay and storage, actors. Storage in memory has nothing to stop.
//
// # Messages
//
// None; a Node is called directly.
//
// # Failure
//
// Start fails with *ConfigError for what is wrong with its Config, and when Redis or
// Postgres does not answer; whatever it had started is stopped again. A hook that panics,
// fails or hangs is reported by Drain and keeps nothing else from stopping.
package cluster
