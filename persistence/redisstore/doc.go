// Package redisstore keeps in Redis what the nodes of a cluster share: the history of
// topics, and who is on which roster. Nodes whose Stores use the same Redis and prefix are one system.
//
// # Guarantees
//
//   - A Store is a topic.Log in every respect that storetest checks, on one server and on a
//     Cluster (TestLog, TestLogOnCluster).
//   - Append numbers, keeps and relays a whole batch in one script call. Numbers and
//     duplicates are as if all nodes' calls came one after the other, and nothing is kept
//     twice, also while connections are killed (TestLinearizable).
//   - What Append relays is what it kept, once, and other nodes understand it; Clear and
//     Renew tell them too (TestRelays, TestFramesAreUnderstood).
//   - Numbers are exact up to 2^53-1, where Append refuses (TestBounds).
//   - Reads are exact in size and age, though Redis holds somewhat more than that
//     (TestLogIsTrimmed, TestOldestUnderTTL).
//   - A page shows the topic at one moment, however much is read in parts and whatever is
//     appended, trimmed or cleared meanwhile (TestPartsOfAPage, TestReadIsCut).
//   - The records of a page are consecutive. What lies in Redis and can not be understood is
//     skipped and told as a gap: Page.Oldest is beyond it (TestCorruptEntries, FuzzChunk).
//   - A Redis that lost its data, or a topic's head, has another epoch
//     (TestEmptiedRedisHasAnotherEpoch, TestLostKeys, TestDamagedHead). One that came back
//     with older data has the same; topics notice and call Renew (TestStaleDataIsRenewed).
//   - With [Config.Replicas] Append returns when so many replicas have the events
//     (TestReplicaHasIt, TestDuplicateWaitsForReplica).
//   - No call lasts longer than its context or the timeout of its Conn; while the breaker is
//     open calls fail at once (TestBreakerOpen).
//
// # What lies in Redis
//
// Four keys a topic, all in one slot: see redisconn.Names.
//
//	head  hash: epoch, newest number, and what the scripts need to know
//	log   stream: an entry for each batch, named after its last number
//	ids0  hash: id to number and time; ids1 the same
//
// An entry of the stream is a batch, not an event: that is what makes an event cheap, and
// named after its last number a range from any number on begins with the right one. A read
// costs what it returns and at most one batch more.
//
// The two hashes of ids take turns: new ones go into one of them, and when the last
// change was longer ago than Retention.Dedup the other one is emptied and takes
// over. A key for each id would cost Redis 150 bytes and a timer for each, and a call of its
// own in the script.
//
// Where events age, log and ids expire by themselves. The head outlives them by a
// day, and longer while somebody reads: a quiet topic keeps its position. The head of a topic
// without events lasts a day from when it was last asked for; without a TTL a head lasts for
// ever (TestKeysExpire, TestReadKeepsHead).
//
// Redis must not evict: with maxmemory-policy noeviction appends fail when it is full. With
// another policy topics lose records (a gap is told), ids (a duplicate may be kept) or
// positions (another epoch).
//
// # Cursors
//
// [Cursors] is a cursor.Store in every respect that storetest checks, on one server and on a
// Cluster (TestCursors, TestCursorsOnCluster). A topic has one more key, a hash: cursor to number,
// time of expiry by Redis' clock, life, user and position. A script call saves up to 512 of them;
// reading goes in pages of about 200, in which Redis serves others in between. What has expired is
// dropped by reading, and bit by bit by saving (TestCursorsAreDropped). A call that was given up and
// comes late does nothing (TestCursorsLateCall), and what can not be understood is left out
// (TestCursorsDamage).
//
// # Limits
//
// [Limits] is a ratelimit.Store in every respect that storetest checks, on one server and on a
// Cluster (TestLimits, TestLimitsOnCluster). A key of a limit is a hash; keys are spread over 64 slots, so
// that on a Cluster many of them still go in one script call. What the scripts answer is, to the microsecond, what a
// ratelimit.Meter does (TestScriptsAgreeWithMeter), in one order for all nodes, also while connections are cut
// (TestLimitsLinearizable, TestLimitsHoldInTime). A hash expires by itself when all points are back and no block
// is left, at most a minute late, and never before (TestLimitKeysExpire, TestLimitKeyStaysAndGoes). What can not be
// understood counts as not there (TestLimitPoisonedKeys). A Redis that was emptied has all points again
// (TestLimitsOfEmptiedRedis), and so has a key that Redis evicted; a replica that takes over has again what
// it did not hear of. Clear looks through all keys of Redis, in
// small steps.
//
// # Rosters
//
// [Rosters] is a roster.Store, Closer and Notebook in every respect that storetest checks, on one
// server and on a Cluster (TestRosters, TestRostersOnCluster). The keys of a roster are in the slot of
// its name:
//
//	head          hash: epoch and version; expires ten minutes after the roster was empty or checked
//	members       hash: member to the lives that show it, oldest first, and what the newest shows
//	lives         hash: life to how many it shows, and which call it made last
//	lives:LIFE    hash: member to what the life shows
//	dead:LIFE     mark: the life is buried; 20 minutes
//	wrote:LIFE    the last call of a life that shows nobody; two minutes
//	closed, notes
//
// and each life has, in a slot of its own, the hash of the rosters that it is on, and a mark when it is buried.
//
//   - Apply is one script, whose cost is that of its ops, whoever else is there
//     (TestRosterPRE34Cost): 2 to 3 µs of Redis each in batches of 64 and more, 25 to 35 alone. The
//     first put and the last drop of a life on a roster take one or two calls more.
//   - Places are given, and versions numbered, as if all nodes asked one after the other, also while
//     connections are killed and Redis hangs (TestRosterLinearizable). An Apply that failed has
//     happened before a later one of the same roster and life is answered, or never does
//     (TestRosterLateCalls); so a member can not come back after it left. That holds for two minutes.
//   - Frames are below 20 MiB, which a redisbus carries (TestRosterFramesAreBounded).
//   - Bury goes on where another one stopped, and tells each leave once (TestRosterBuryThroughFailures).
//     Nothing that a life does late escapes it (TestRosterLateUnregister, TestRosterLateAfterBury).
//   - No time of day is sent to Redis (TestRosterPRE32NoClock). What nobody needs any more expires or is
//     deleted, and notes when the roster is closed (TestRosterKeysExpire, TestRosterClosedKeys).
//   - What a stranger writes does not count as a member, and is written over (TestRosterPoisonedRecords,
//     TestRosterDamagedKeys, TestRosterForeignKeys). A roster without its head begins anew
//     (TestRosterDamagedHead), and so does all when Redis lost its data (TestRosterRestarts).
//   - When Redis has no memory left nobody can join; drops, Bury and Close work (TestRosterNoMemory).
//
// Load reads a roster in one step: about 9 ms of Redis for 10,000 members, so it is for when a node first needs
// it. A Redis that comes back with older data numbers versions a second time in the same epoch: after
// an interruption who followed it has to load it anew (TestRosterStaleData). Where a master of a Cluster lost the list of a
// life's rosters, Bury finds those that it is told of; Check shows the lives that are on a roster.
//
// # Messages
//
// None: a Store is called directly, by any number of goroutines.
//
// # Failure
//
// Errors wrap those of the connection, which see: breaker.ErrOpen, a timeout, an error
// reply. After one it is unknown whether an Append was kept; again with the same IDs is
// safe. [ErrForeign], [ErrExhausted] and [ErrTooLarge] mean that nothing was kept, a
// [*ReplicasError] that Redis has the events and may lose them.
package redisstore
