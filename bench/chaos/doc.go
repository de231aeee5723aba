// Command chaos breaks a cluster while clients use it, and then proves from what
// every client wrote down that nobody missed anything without being told exactly
// what.
//
//	go run ./bench/chaos                        200,000 messages, a minute or so
//	go run ./bench/chaos --messages 20000 --rate 0 --restart kill
//	go run ./bench/chaos --restart empty        Redis comes back without its data
//	go run ./bench/chaos --restart old          Redis comes back with data from a second before
//	go run ./bench/chaos --backend postgres     the same on Postgres alone
//	go run ./bench/chaos --pause 8s             a node stands still for longer than its lease lasts
//
// It starts a Redis that writes an append-only file, or a Postgres, nodes (cmd/node) that share
// it, subscribers on every node that resume where they were, and publishers that
// repeat a message under the same id until it is acknowledged. Then, while they
// do: all its connections are cut every second, it is restarted at a
// quarter and at three quarters of the messages, and one node is killed at half
// and started again. At the end the whole log is read on every node.
//
// The exit code is 1 if package check finds a fault, and the records are kept.
//
// # Guarantees
//
//   - A small run with every kind of trouble passes: TestChaos, TestChaosOnPostgres. One in which
//     Redis loses everything is announced to everybody: TestChaosEmptied.
//   - Every process that was started is gone when the program ends.
//   - All waiting is bounded: a cluster that does not come back is a fault.
//
// # Where things are
//
//	check        reads the records
//	scene.go     backend, nodes, and who runs on them
//	trouble.go   what is done to them, and when
//	subscriber.go, publisher.go, reader.go, link.go   clients, blocking, one connection each
//
// Linux only.
package main
