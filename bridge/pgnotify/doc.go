// Package pgnotify publishes what Postgres notifies: LISTEN/NOTIFY to topics, and a trigger that
// announces the changes of a table.
//
//	bridge, err := pgnotify.Start(ctx, pgnotify.Config{DB: db, Topics: topics,
//		Channels: []pgnotify.Channel{{Name: "table_changes", Leader: true, Feeds: []string{"room:*"}}}})
//	sql, err := pgnotify.Install(ctx, db, pgnotify.TriggerOptions{Table: "messages", Topic: "room:{room_id}"})
//
// A channel is taken by every node, which tells its own receivers, or with Leader by one node, which publishes for all.
// The first takes no election and is gone only with the node; the second is for topics with history, and
// asks Postgres to hand each notification to one session instead of to each node.
//
// # Guarantees
//
//   - A notification that arrives is published once: on every node for its own receivers alone, or by the leader
//     for those of all nodes (TestCases). With an ID every node may publish
//     it, also for a topic with history (TestHistoryNeedsIDs).
//   - Those of a topic are published in the order in which they were committed, also when a backend fails
//     now and then (TestRetriesKeepOrder, TestQueueModel).
//   - What was notified while nobody listened is lost, as Postgres keeps nothing, and receivers of the topics that the
//     channel feeds are told `stale`: in its place (TestNTF07GapIsTold, TestGapInPlace), on nodes that do
//     not lead maybe behind an event that came after it; also when the database was away from the start
//     (TestNTF08DatabaseIsAwayAtFirst), restarted (TestServerRestarts), or the node itself was away while the lead
//     changed hands (TestFollowerWasAway). For what must not be lost there is package outbox.
//   - When the leader dies another node leads within about a quarter of a second (TestNTF10LeaderKilled). If
//     it vanished without a word, as with its power, the server finds out after five seconds.
//   - A connection that stands but brings nothing is noticed within Keepalive and the DB's timeout
//     (TestNTF07HalfOpen). Much at once is no such thing (TestBurst).
//   - A bad payload, a parser that fails or panics, topics of the system and data that is too large cost that
//     notification, which is counted by reason (TestCases, FuzzParseJSON). A payload of more than
//     7500 bytes is warned of, before NOTIFY fails at 8000 (TestLargePayloads).
//   - What waits is bounded. While topics are slow, reading waits, and nothing is lost (TestReadingWaits); while a
//     backend is away its topics lose what there is no room for, are told where, and do not hold up others
//     (TestBackendIsAway).
//   - Close leaves no connection and no goroutine (TestCloseUnderLoad).
//   - Names come into SQL checked and quoted (TestConfigFaults, TestTriggerOptions).
//
// # The trigger
//
// Events are created, updated and deleted. Their data is the row after the change, or before its deletion, as one
// object, so that a store of rows by key, such as crud("room:1", [], {key: "id"}), takes them as they are
// (TestTriggerFeedsAStore). An updated has two members more, whose names no column has: "$columns", which
// changed, and "$old", what was in them; the rest of the old row is as the new one.
//
//	{"topic":"room:1","event":"updated","id":"8e2a...","data":{"id":7,"body":"new","$columns":["body"],"$old":{"body":"old"}}}
//
// A row whose topic or key changes is deleted under the old and created under the new. The id is a random UUID; with it each
// change counts once although Postgres drops a payload that the transaction has sent before. A row that does not fit
// into a notification is announced with its key, the columns of its topic, and "$truncated": true: fetch it. No row
// fails because of the trigger: what makes no topic is left out with a warning (TestTriggerNeverFails). Who writes
// the table needs no right for Troupe (TestTriggerRights); with ViaOutbox, usage of the schema and to execute troupe_publish
// (TestTriggerViaOutbox). TRUNCATE is not announced.
//
// A transaction that notifies holds a lock of the whole server while it commits. With many writers at once, or
// thousands of rows in a transaction, ViaOutbox is the better way.
//
// # Messages
//
// None: a Bridge has a goroutine per channel and those of its pgdb.Listeners. Nodes tell each other on the channel
// SCHEMA_notify that a leader missed notifications (TestNamesAndAnnouncements).
//
// # Failure
//
// While the database is away nothing arrives; connections are tried again with growing, jittered pauses up to
// MaxWait. A backend of topics that is away is tried again for as long as it takes, every 5 s at last; after a retry a
// message is kept once if that comes within the policy's Dedup. Notifications that a leader has received but not
// published when it loses its connection are still published, beside those that the next leader takes.
// Postgres keeps what is not read in a queue of 8 GB for the whole server, and NOTIFY fails when that is full: a channel whose
// topics are slow for long does that (see Channel.Queue and pg_notification_queue_usage).
package pgnotify
