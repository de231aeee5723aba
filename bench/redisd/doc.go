// Package redisd runs a real redis-server for a benchmark: on a free loopback
// port, with its data in a folder of the caller's, and with as many words of its
// protocol as are needed to look at it and to break it.
//
// # Guarantees
//
//   - A server comes back on the port it had, with the data it had written:
//     TestComesBackWithItsData.
//   - Where redis-server is missing, the error says how to install it:
//     TestMissingBinarySaysHow.
//   - It ends with this process, as everything that package proc starts.
//
// # Failure
//
// Calls fail with what the connection or Redis says. Nothing is tried again.
//
// Linux only.
package redisd
