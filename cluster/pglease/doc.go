// Package pglease keeps the leases of a cluster's nodes on Postgres, whose clock is the
// only one that counts. It is the lease.Registry of nodes that share a Postgres and no Redis.
//
// # Guarantees
//
//   - A Registry is one in every respect that leasetest checks (TestRegistry), whatever
//     isolation the server gives by default (TestIsolation). Each call is one statement, and calls have one order
//     for all nodes (TestClaimsBeside).
//   - No outage of Postgres costs a node its life, however long, if all are back within a lease of the first: a restart, a
//     crash (TestRestart), a hang (TestHang), connections that are killed (TestKilledConnections). A crash takes neither leases nor claims (TestCrash),
//     and who dies with it is cleaned up after (TestDeathInCrash). All nodes are told within a renewal that unlogged
//     tables, which others keep their things in, were lost, and so if the leases were (TestRestart, TestEmptied).
//   - A node that is cut off is cleaned up after by one survivor (TestDeath).
//   - Fences grow also across a crash (TestCrash), and if the database is taken
//     back to a backup (TestRestoredFence): they come from a sequence, and are no smaller than the time in ms.
//   - Anyone who may write to the tables can write anything there. Rows that are malformed or too large
//     are ignored and counted, and a lease that ends too late is shortened (TestStrangers,
//     FuzzParse). What is read is bounded (TestCrowd).
//
// # Tables
//
//	leases        a row for each node that lives: what it says of itself, and the end of its lease
//	lease_claims  a row for each that died: the newest claim, until ten minutes after it was done
//	lease_life, lease_unlogged_life
//	              one row each: a random text, made when there is none. A crash takes the second one
//	lease_fence   a sequence
//
// Only a claim waits for the disk, so no renewal does (TestRenewalsWaitForNoDisk). Of what else was done a crash may take what came
// last, less than a second of it by Postgres' defaults; then leases end that much earlier, and nodes join or leave once more. A renewal
// writes about 1 KB to the log, also in a cluster that is idle.
//
// Calls of all nodes come one after the other, by an advisory lock. A renewal takes 0.3 ms of Postgres
// among three nodes, 0.8 ms among a hundred, 7 ms among a thousand (BenchmarkRenew); nodes renew every two seconds,
// so some two hundred of them are what this is for.
//
// # Messages
//
// None: a Registry is called by a lease.Agent, and by any number of goroutines.
//
// # Failure
//
// Calls fail with the errors of pgdb.DB.Run (TestMissingTable). They pass its breaker, so a renewal
// probes it; its ResetTimeout should be no more than two seconds, or nodes come back from an outage
// so late after each other that some are taken for dead. They wait for a connection of its pool; see
// Config.
//
// A transaction that stays open for long, such as that of a backup, has Postgres keep the old versions of all
// rows. Each renewal leaves one: after 30,000 of them, ten minutes of a hundred nodes or five hours of three, a
// renewal takes 2 ms, and 0.3 ms again soon after the transaction ends.
package pglease
