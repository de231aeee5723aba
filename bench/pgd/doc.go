// Package pgd runs a real PostgreSQL server for a benchmark: on a free loopback port, with its
// data in a folder of the caller's, and with what is needed to look at it and to break it.
//
// # Guarantees
//
//   - A server comes back on the port it had, with what it had acknowledged, also when it was killed:
//     TestComesBackWithItsData.
//   - Where PostgreSQL is missing, the error says how to install it.
//   - It ends with this process, as everything that package proc starts.
//
// # Failure
//
// Calls fail with what the connection or Postgres says. Nothing is tried again.
//
// Linux only.
package pgd
