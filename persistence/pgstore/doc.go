// Package pgstore keeps in Postgres what the nodes of a cluster share. Nodes whose Stores use the same
// database and schema are one system. This is about topic history; what else lies here has its section below.
//
// # Guarantees
//
//   - A [Store] is a topic.Log and a topic.RenewingLog in every respect that storetest checks (TestLog). It relays
//     nothing: topics do, once Append has answered.
//   - When Append answers, the events are on Postgres' disk, whatever the server's synchronous_commit
//     (TestCommitsAreOnDisk), and they are kept once under the number that was told: while connections are
//     killed (TestConnectionsAreKilled), the server restarts in order and by kill -9 (TestServerRestarts), the network fails
//     and answers are lost (TestNetworkFails), and the disk is full (TestDiskIsFull). It goes on by itself afterwards.
//   - Numbers, duplicates and pages are as if all nodes' calls came one after the other (TestLinearizable). Nodes that append to the
//     same topics wait for each other in no circle (TestNodesBeside).
//   - What is appended while a statement is under way is the next one, whatever the topics (TestPGR08Groups), and
//     is answered as if it had come call by call (TestGroupedCalls). A topic that is refused costs the others nothing
//     (TestOneTopicFails).
//   - Text comes back byte for byte, in pages of any size (TestLargePages); IDs may be any bytes (TestLongIDs). What Postgres can
//     not keep is refused before it is sent (TestCases).
//   - Reads are exact in size and age, by the database's time, though the tables hold more (TestPGR04SweepByAge). Rows that are
//     missing are told as a gap (TestCases).
//   - What does not count any more is removed in the background, so that tables stay about as large as what
//     counts (TestTrimKeepsUp, TestLeftoversAreRemoved). Where that fails no call does, and other topics are still trimmed
//     (TestPGR03TrimFails).
//   - A [Janitor] has each round of a Task done by one node (TestJanitorOneNodeAtATime); another one goes on where a node died
//     in a round (TestJanitorTakesOver).
//   - No call lasts longer than its context or the timeout of its DB; while the breaker is open calls fail at
//     once, also those that would wait behind one that hangs (TestREP15BreakerOpen). What waits is bounded (TestBusy).
//
// # What lies in Postgres
//
//	topics   a row per topic: name, id, epoch, newest number, retention of its last append
//	events   a row per event, by topics.id and number; data is text, and is JSON
//	ids      a row per ID, by topics.id and ID
//	cleared  ids of topics whose rows are still to be removed
//	tasks    who cleans, and when
//
// So history can be queried:
//
//	select e.seq, e.at, e.name, e.data::jsonb from troupe.events e join troupe.topics t on t.id = e.topic
//	where t.name = 'room:42' and e.seq > t.seq - t.size order by e.seq
//
// A topic's id changes when it is cleared: that is one row, and what hung on the old id is removed later.
//
// # How an append works
//
// A Store has mostly one statement under way, and what comes meanwhile, to any topic, gathers for the next one, up to 2,048
// entries or 4 MiB. A second and third one are begun when 256 entries wait, or the first takes longer than 20 ms
// (TestStuckTopic); a topic is in one of them at a time. So few commits serve many
// publishes, with no timer. The statement is a function that locks the topics' rows in the order of their names, looks which
// IDs are there, inserts events and IDs in bulk, and counts on. It is its own transaction, one round trip.
//
// Rows of topics change with each append. No index covers what changes and half of each page is kept free, so that
// they change in place.
//
// # What is removed, and when
//
// A node removes what its own appends made superfluous as soon as a topic holds half its size more than it should (64 to 1,000
// events), in ranges of up to 1,000 rows and no faster than [Config].TrimRate. Tasks of a Janitor remove the rest: every minute
// events that aged, and every ten seconds rows of cleared topics and IDs that expired. A topic that holds nothing
// and that nobody has published to or read for a day is forgotten; its next epoch is another one.
//
// A node that publishes more than TrimRate events a second for long has its tables grow. They shrink again, inside, when
// there is less; their files do not.
//
// # Rosters
//
// [Rosters] is a roster.Store, Closer and Notebook in every respect that storetest checks (TestRosters). Its tables are
// unlogged: a commit waits for no disk (TestRosterCommitsWaitForNoDisk), and a server that crashed, or a standby that takes over, has no rosters. They begin
// anew for another epoch, and nodes show again whom they have; a server that was only stopped has them all (TestRosterRestarts).
//
//	rosters         a row per roster: id, version, how many members, until when it is closed; its lock is the roster's
//	roster_members  a row per member and life that shows it, by rosters.id: its value, and when it was put
//	roster_lives    a row per life and roster: how many it shows there, and which call it made last
//	roster_dead     lives that are buried
//	roster_notes    what is noted
//
// The id is random, and the epoch is the id. A roster that is closed, or begins anew, gets another one. Names, lives, keys and
// values are bytes, as they came; a name has up to 1,536 bytes, a life up to 512, an Apply up to 18 MiB.
//
//   - Apply is one statement, a function, that takes effect and relays (NOTIFY, in pgdb's form) in one transaction. So versions
//     are relayed once each, in order, and no others (TestRosterVersionsThroughFailures, TestRosterFrames); and no lock waits
//     for a network, or for a node that hangs between two statements, which is why the frame is written by the server.
//   - What it costs is what its ops cost, whoever else is there, and whatever the planner believes
//     (TestRosterPRE34Cost). Calls of one life on one roster go one after the other in the node already
//     (TestRosterLines), so that a busy roster takes up one connection.
//   - Places are given, and versions numbered, as if all nodes asked one after the other, also while connections
//     are killed, answers are lost and Postgres hangs (TestRosterLinearizable). An Apply that failed has happened before a later
//     one of the same roster and life is answered, or never does (TestRosterLateCalls, TestRosterLateAfterClose). That
//     holds for two minutes.
//   - Bury goes on where another one stopped, and tells each leave once (TestRosterBuryThroughFailures). Nothing that a life
//     does late escapes it (TestRosterLateAfterBury). It works in steps of 500 members or four megabytes (TestRosterFramesAreBounded).
//   - A row that somebody else holds is waited for until the timeout, and other rosters are not (TestRosterHeld). While the breaker is
//     open calls fail at once (TestRosterBreakerOpen). No password is in an error (TestRosterErrorsHideThePassword).
//   - What nobody needs any more is removed by Tasks, in rounds: rosters that were empty for ten minutes, what is known of lives that
//     show nobody after two, the dead after twenty (TestRosterRowsAreForgotten, TestRosterRowsOfNothing, TestRosterTasksInRounds).
//     Notes stay until the roster is closed.
//   - Where somebody deleted, changed or added rows no call fails. A roster whose counts are wrong begins anew: when it is
//     read, or by a Task that counts about 100,000 members a minute (TestRosterDamageIsSeenByLoad, TestRosterPRE31DamagedRows).
//
// All commits that notify wait for each other, in the whole database server: one that also has to reach the disk, as those of other
// programs may, holds up those of rosters for that long.
//
// # Cursors
//
// [Cursors] is a cursor.Store in every respect that storetest checks (TestCursors). A cursor is a row, and a save of up to 512
// of them is one statement; calls for one topic come one after the other. Reading goes in pages of 500. What has expired is
// not read, and is dropped by a Task within two or three minutes, with which rows otherwise move to their end in leaps, so that
// most saves change no index (TestCursorsAreSwept, TestCursorsRowsEndInLeaps). A call that was given up and comes late, within ten
// minutes, does nothing (TestCursorsLateCall, TestCursorsLateProcess). The tables are unlogged: no save waits for a disk, and after
// a crash of the server they are empty; cursors that move are there again with their next save (TestCursorsThroughFailures).
//
// A save of one cursor takes 0.2 ms, of a hundred that move 1.1 ms (BenchmarkCursorsSave).
//
// # Limits
//
// [Limits] is a ratelimit.Store in every respect that storetest checks (TestLimits). A key of a limit is a row with what a
// ratelimit.Meter remembers, as text. A call takes the limit's advisory lock and reads in one round trip, has Meters decide by
// the database's time, and writes and commits in another. So they answer as Meters in memory do (TestLimitsAgreeWithMeter), in one
// order for all nodes, also while connections are cut and killed and answers are lost (TestLimitsLinearizable,
// TestLimitsHoldInTime): after a lost answer points may have been taken, never too many.
//
//   - Calls for one limit come one after the other in the whole cluster; what comes meanwhile goes together in the next one, up to
//     256 keys. A node that stops while it has the lock holds the others up for a second (TestLimitsHolderHangs).
//   - A row is dropped by a Task when all points are back and no block is left, some minutes late at most, and never
//     before (TestLimitRowsEnd, TestLimitRowsAreSwept). What can not be understood counts as not there (TestLimitPoisonedRows,
//     FuzzMeterText).
//   - Clear goes through the limit's rows in pages, in each of which it holds up other calls of the limit (TestLimitsClearMany).
//   - While the breaker is open, or Postgres hangs, nothing is allowed, and nobody waits beyond the deadline
//     (TestLimitsBreakerOpen, TestLimitsPostgresHangs).
//   - The table is unlogged: no consume waits for a disk. After a crash of the server all points are there again; a restart in order
//     loses nothing (TestLimitsAfterRestart). A standby that takes over has all points too.
//
// With 64 callers a consume costs 11 µs of Postgres and 18 of the node on one key, 27 and 36 on a thousand keys
// (BenchmarkConsume). Limits that are used much are better kept in Redis, or given a Lease.
//
// # Messages
//
// None: a Store is called directly, by any number of goroutines.
//
// # Failure
//
// Errors wrap those of the DB, which see: breaker.ErrOpen, a timeout, an error of the server. After one it is unknown
// whether an Append was kept; again with the same IDs is safe. A [*ValueError], [ErrTooLarge], [ErrExhausted], [ErrBusy] and [ErrClosed] mean
// that nothing was kept. A call whose context ended while it waited had no effect; one that was being sent may have
// (TestCanceledCalls). Close waits for calls under way (TestClose).
//
// Whoever holds the lock of a topic's row, by hand or on a node that hangs in a statement, delays appends to it and those to
// topics that are in the same statement, until the DB's timeout at most. Later statements are sent beside it.
//
// A database that lost its data has other epochs (TestCases). One that came back with older data has the same; topics notice
// and call Renew (TestOldDataIsRenewed).
package pgstore
