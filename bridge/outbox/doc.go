// Package outbox publishes inside a database transaction: what is published is announced if, and
// only if, the transaction commits.
//
//	tx, err := pool.Begin(ctx)
//	...
//	_, err = tx.Exec(ctx, "insert into orders ...")
//	_, err = outbox.Publish(ctx, tx, "orders:42", "created", order)
//	err = tx.Commit(ctx) // saved and announced, or neither
//
// Triggers and other languages do the same with the function troupe_publish(topic, event, data, key) of the schema,
// whose data is text, json or jsonb. Who publishes needs two rights: usage of the schema, and to execute the function.
//
// # Guarantees
//
//   - An order is saved and announced, or neither (TestSavedAndAnnounced). Of a transaction or a savepoint that was rolled back nothing
//     is ever seen (TestRollback).
//   - Rows of a topic leave in the order in which their transactions committed, and those of one transaction in theirs, whenever they
//     were written (TestCommitOrder). None is skipped because an older transaction committed later (TestLateCommit).
//   - A topic with history gets each row once: also when connections are killed, the server is restarted, killed or
//     stands still (TestOutages), the leader is lost between publishing and writing that down (TestLeaders), or goes on with what
//     it had when another leads (TestZombie). Command bench/outbox proves it from records for 200,000 rows.
//   - Publishing makes no transaction wait for another (TestNoTransactionWaits, TestOppositeOrders), nor fail on account of another
//     under the strictest isolation (TestSerializable).
//   - Data arrive byte for byte, up to 16 MiB (TestExactData). What can not be published is refused in Go before the transaction
//     is touched, and in SQL with an error that names the field (TestFaulty, FuzzNames).
//   - A user may have the right to publish and no other, and what he puts in the way of names changes nothing (TestRole).
//   - While what is behind a topic is away, its rows wait, others go on, and nothing overtakes what failed
//     (TestBackendAway, TestNothingOvertakes). So it is with a topic that does not answer (TestSlowTopic).
//   - A row that its topic refuses again and again, or that can never be published, becomes a dead letter with the reason (TestTries,
//     TestDeadLetters), which is kept for a while, and can be retried or discarded (TestDiscard).
//   - What is read at a time is bounded in rows and bytes, whatever a transaction published (TestLarge).
//   - An idle leader is woken; it need not look to be in time (TestWakes). Rows that came in while the trigger was switched off are found,
//     too (TestAdopts).
//   - Close waits for what topics were given, as long as its context allows (TestClose, TestCloseNow).
//
// # Order
//
// When a transaction commits, a trigger draws a number for it, its ticket. Nobody waits for that: whoever begins to commit after
// another has ended draws a higher number, and can not be seen without the other. Rows are read by ticket. Transactions
// that commit at the same moment have no order but that. SET CONSTRAINTS ... IMMEDIATE and PREPARE TRANSACTION have the ticket
// drawn then: such a transaction may come before others that committed between that and its own end. It holds up nobody (TestPrepared). A transaction that
// is to be prepared has to "set local troupe.wake = off", as one that notifies can not be.
//
// Tickets and rows are removed when they are out; reading begins at the oldest that is left, never at a place that was remembered.
// So that it need not step over what is removed and not vacuumed, it begins above a floor, which rises when every transaction
// that could have drawn a number below it has ended (see floor.go).
//
// # Once
//
// A row is known to its topic by the key that it was published with, or by "outbox:" and its number. It is published,
// then removed; who finds it again publishes it again, and the topic's history recognizes it for as long as the policy's Dedup lasts, two
// minutes by default. Therefore a row may come twice
//
//   - to a topic with history, if the answer to a publish was lost and the database could not be reached for longer than
//     Dedup. Give topics that are fed from an outbox a Dedup longer than your longest outage;
//   - to a topic whose Dedup is -1, whenever a leader is lost;
//   - to a topic without history, which remembers keys in the memory of one node, if another node becomes the leader. A history of one event is
//     enough to have each once.
//
// # Leader
//
// Every node runs a Forwarder, with one connection beside the pool. The one whose connection holds an advisory lock leads, and does all that changes the
// outbox over that connection: with the connection the lock goes, and what is left of a leader can do no more than publish, in the
// same order, what it was about to. Another leads after Config.Poll, or within some 15 seconds if a host falls silent
// (TestStandStill). A pooler between has to keep sessions apart: PgBouncer's transaction mode does not.
//
// NOTIFY is a wake-up and nothing else, and is sent only while the leader sleeps, since transactions that notify
// commit one after the other.
//
// # Messages
//
// None; topics answer by callback.
//
// # Failure
//
// While the database is away a Forwarder connects again and again, up to five seconds apart, jittered. It logs each loss and each dead letter, and
// State has the last error. Topics that are closed end it, as the node stops (TestTopicsClosed).
package outbox
