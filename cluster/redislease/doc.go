// Package redislease keeps the leases of a cluster's nodes on Redis, whose clock is
// the only one that counts. It is the lease.Registry of nodes that share a Redis.
//
// # Guarantees
//
//   - A Registry is one in every respect that leasetest checks, on one server and
//     on a Cluster (TestRegistry, TestRegistryOnCluster). Each call is one script.
//   - A restart of Redis that keeps its data costs no node its life, and neither does
//     one that loses it; then all are told within a renewal
//     (TestRestart). So does a Redis that hangs (TestHang).
//   - A node that is cut off is cleaned up after by one survivor (TestDeath).
//   - On a Redis Cluster every master that is emptied is noticed, also one that
//     does not have the leases (TestMasterEmptied), and one that is away costs no
//     lease unless it has them (TestMasterAway). That holds for masters with 511 or more slots
//     in a row.
//   - Anyone with access to Redis can write there. Entries that are malformed or too large
//     are ignored and counted; a lease that ends too late is shortened
//     (TestStrangers, FuzzParse).
//   - Leases are renewed and claimed also when Redis refuses other writes because its
//     memory is used up (TestOutOfMemory).
//
// # Keys
//
// All stand in one slot, but for lives in a Cluster. A member is "INCARNATION ID".
//
//	{nodes}:leases   sorted set   member to the end of its lease, in Unix milliseconds
//	{nodes}:info     hash         member to JSON of what it says of itself
//	{nodes}:claims   hash         dead member to "FENCE UNTIL c BY", or "FENCE WHEN d" when done
//	{nodes}:fence    string       the newest fence
//	{nodes}:life     string       random, made when there is none
//	{life-N}:life    string       the same for each 256 slots of a Cluster
//
// A renewal reads all members, at most 4096: a round trip, and 8 µs for each
// (BenchmarkRenew). A hundred nodes that renew every two seconds keep Redis busy for 4 % of
// the time, two hundred for 16 %.
//
// # Messages
//
// None: a Registry is called by a lease.Agent, and by any number of goroutines.
//
// # Failure
//
// Calls fail with the errors of redisconn.Conn. They pass its breaker, so a renewal
// probes it; its ResetTimeout should be no more than two seconds, or nodes come back from an outage
// so late after each other that some are taken for dead.
package redislease
