// Package pgdb is a node's one way to Postgres: it understands the URL, holds the pool, bounds every
// call by a deadline, asks the breaker before and tells it after, owns the schema and its migrations, keeps
// connections that listen, and cuts what nodes send each other into notifications.
//
// Calls go through [DB.Run], [DB.Tx] and [DB.Long] with a connection of the pool; [DB.Connect] and [DB.Listen] have
// their own. All tables and functions are in one schema, which {schema} stands for in SQL ([DB.SQL]).
//
// # Guarantees
//
//   - A caller waits no longer than [Config.Timeout], also for a connection, and leaves when its context ends, whatever
//     Postgres does: refuse, hang, or accept and say nothing (TestHangingServerHoldsNobody,
//     TestWaitForAConnectionIsBounded, TestCallerThatLeaves). The server is told to give up just before.
//   - A transaction that met others in a deadlock runs again, three times in all (TestDeadlockRunsAgain,
//     TestSerializationRunsAgainAndEnds). Nothing else is sent twice.
//   - Connections that died while nobody used them cost no call, or one if nobody said that they are dead
//     (TestDeadConnectionsCostNothing, TestHalfOpenConnectionsCostOneCall). However often they are ended, callers get clear errors,
//     what was answered is in the database, and the pool recovers (TestConnectionsKilledUnderLoad).
//   - Of several servers in the URL the one that takes writes is used, also when that becomes another, and if
//     one hangs (TestSeveralServers, TestFirstServerHangs).
//   - A call counts once for the breaker, and an error is an answer unless the server gives it to everybody; while the
//     breaker is open calls fail at once (TestBreaker, TestAnsweredAndReason).
//   - No error shows a password, also of a URL that is wrong (FuzzURL, TestCheckURL, TestHints).
//   - Any number of programs may migrate at once; each step is applied once, all or none (TestMigrateAtOnce,
//     TestFailingStepLeavesNothing). An up-to-date schema needs no right to create (TestPrivileges).
//   - A schema that is not what its steps made of it is told with the first difference, and so is one that is newer
//     (TestDrift, TestColumns).
//   - A [Listener] hands over all that is sent while its connection stands, in order (TestNotificationsInOrder). Listening is called
//     once for each connection, before what comes on it, and what was lost was sent between its since and the call (TestSessions).
//   - A half-open connection is noticed within Keepalive and Timeout (TestHalfOpenIsNoticed); tries to connect are jittered, and
//     no further apart than MaxWait (TestReconnectIsBounded).
//   - Of those that elect by an advisory lock one listens; another takes over when its connection dies or its program hangs
//     (TestOneOfThreeListens).
//   - [Listener.Close] and [DB.Close] return when connections and goroutines have ended (TestCloseInEveryPhase, TestClose).
//   - [Frame] of up to [MaxFrame] bytes come back byte for byte, in order, and twice if they were sent twice in a transaction; what
//     others send between them disturbs nothing (FuzzAssembler, TestFrameSizes, TestFramesThroughPostgres, TestAssemblerRefuses).
//
// # Messages
//
// None: a DB is called directly, by any number of goroutines. A Listener calls functions of its config, one at a time, from
// its goroutine.
//
// # Failure
//
// [Open] fails with a [ConfigError], a [VersionError], or what connecting failed with and what to look at. [DB.Run], [DB.Tx] and
// [DB.Long] fail with what their function returned, with the server's error ([Code] is its SQLSTATE), or with one of these: an
// error that wraps breaker.ErrOpen, after which nothing ran; [ErrTimeout], [ErrClosed], the context's error or one of the
// connection, after which nobody knows. [Reason] says in a word why the server could not serve. [DB.Migrate] and [DB.Check] fail with
// a [DriftError] or an error that wraps [ErrNotMigrated] or [ErrNewer]. A lost connection is made anew by the next
// call that needs one.
//
// A full disk is told as such ("full"). Poolers such as pgbouncer in transaction mode will not do, as sessions
// listen and hold locks; [DB.Facts] tells whether one is between.
package pgdb
