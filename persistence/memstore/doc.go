// Package memstore keeps what Troupe must remember in the memory of one process:
// the history of topics, for a node that runs without a backend, and for tests.
// Several nodes of one process may share one [Store].
//
// # Guarantees
//
//   - A Store is a topic.Log in every respect that storetest checks
//     (TestLog), and returns at once, without I/O.
//
//   - Memory is bounded by [Config.MaxBytes], as estimated, whatever is appended.
//     When it is used up, whole topics go, the one that was not used for the longest
//     time first (TestEvictsLeastRecentlyUsed). A topic that went has another epoch
//     when it comes back, so that receivers are told (TestEvictionChangesEpoch).
//
//   - A topic that alone needs more than all of it loses its oldest records
//     instead (TestLoneTopicLosesOldest).
//
//   - A topic that was never appended to costs nothing, however often it is
//     read, and its epoch is the one its first event will have
//     (TestUnknownTopicCostsNothing).
//
//   - Append takes time in proportion to the batch and Read to what it returns, not to
//     the history (TestReadCostsWhatItReturns).
//
//   - Records that were dropped, and identifiers that expired, hold no memory
//     (TestDroppedRecordsAreFreed).
//
//   - [Cursors] is a cursor.Store in every respect that storetest checks (TestCursors). Topics
//     whose cursors have expired are dropped by what is saved later
//     (TestCursorsOfOldTopicsGo).
//
//   - [Limits] is a ratelimit.Store in every respect that storetest checks (TestLimits). Keys that
//     are as good as new are dropped while others are used; beyond a bound new ones fail
//     (TestLimitsForgetKeys).
//
//   - [Rosters] is a roster.Store, Closer and Notebook in every respect that storetest checks
//     (TestRosters). What a join and a leave cost does not depend on who else is there
//     (TestRostersPRE34Cost). A roster that nobody is on, and nobody asks for, is forgotten
//     after ten minutes, by what happens to others (TestRostersAreForgotten); one that was
//     never joined costs nothing (TestRostersCostNothingWhenEmpty). Where nodes share it, a
//     frame that the relay refuses is lost and keeps nobody waiting (TestRostersRelay).
//
// What is expired is dropped when its topic is next used, or when memory is needed. There is
// no goroutine, and so nothing to close.
//
// # Messages
//
// None: a Store is called directly, by any number of goroutines.
//
// # Failure
//
// Calls fail with the error of a context that has ended, those of Limits also with [ErrLimitsFull],
// and in no other way.
// When the process ends everything is gone; the next Store has other epochs.
package memstore
