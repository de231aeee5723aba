// Command outbox publishes inside database transactions while the forwarder is killed again and again, and then proves from
// what everybody wrote down that each committed row arrived once, in the order of the commits, and nothing else did.
//
//	go run ./bench/outbox                              200,000 rows, some minutes
//	go run ./bench/outbox --rows 20000 --kill 500ms
//	go run ./bench/outbox --cut 1s                     all connections of Postgres are cut every second, too
//
// It starts a PostgreSQL of its own; writers, whose transactions publish to several topics, dawdle, and commit or roll back; forwarder
// processes that keep history in that Postgres, of which the one that leads is killed and started again; and receivers that
// follow every topic from its beginning.
//
// The exit code is 1 if package check finds a fault, and the records are kept.
//
// # Guarantees
//
//   - A small run passes, and one whose records were spoilt does not: TestOutbox. So does one whose connections are cut: TestCut.
//   - Every process that was started is gone when the program ends.
//   - All waiting is bounded: rows that do not arrive are a fault.
//
// # Where things are
//
//	check          reads the records
//	scene.go       Postgres, and who works on it
//	writer.go      transactions
//	forwarder.go   the nodes that forward: this program, started once more
//	receiver.go    receivers
//	killer.go      what is done to them
//
// Linux only.
package main
