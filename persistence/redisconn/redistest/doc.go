// Package redistest starts real Redis servers for tests, and lets a test break
// them: one server, a replica, a Sentinel, one with TLS, a Cluster, and a proxy that
// cuts, refuses, hangs and loses answers.
//
// # Guarantees
//
//   - A server ends with the test, and with the test's process however that ends
//     (TestServerEndsWithTheTestsProcess).
//   - Ports are drawn from a range that the system gives to nobody by itself, so that a
//     server that is stopped finds its port free when it is run again, also when
//     other test binaries use this package (TestRestart).
//   - When a test fails it shows what its servers said.
//
// # Messages
//
// None.
//
// # Failure
//
// What goes wrong ends the test. Without redis-server in the PATH it says how to
// install it; nothing is skipped.
package redistest
