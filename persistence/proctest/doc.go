// Package proctest is what tests with real servers share: it starts a server's process and sees to it that it ends
// with the test's, draws ports, and has a proxy that breaks connections. redistest and pgtest stand on it.
//
// # Guarantees
//
//   - A process ends with the test's process however that ends, in order if it knows a signal
//     for that (TestEndsWithTheTestsProcess).
//   - Ports are drawn from a range that the system gives to nobody by itself, so that a server that is stopped finds
//     its port free when it is run again (TestPorts).
//   - A proxy refuses, cuts, hangs, strands and loses answers as it is told, and lets through the rest (TestProxy).
//
// # Messages
//
// None.
//
// # Failure
//
// What goes wrong ends the test, or is an error of [Launch].
package proctest
