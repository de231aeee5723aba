// Package pgtest starts real PostgreSQL servers for tests, and lets a test break them: stop, kill, pause, fill the disk,
// end connections, and put a proxy between that cuts, refuses, hangs and loses answers.
//
// # Guarantees
//
//   - A server ends with the test, or with the test's process where it is shared, however that
//     ends, and leaves no files and no shared memory (TestEndsWithTheTestsProcess).
//   - A server that was stopped or killed comes back on its port with what it had (TestRunAgain).
//   - Databases are the test's own (TestDatabases).
//   - Its disk is as full as a test wants it, without any privilege: files do not grow, with the
//     error of a full disk (TestFillDisk).
//   - When a test fails it shows the end of what its server said.
//
// Servers run with PostgreSQL's defaults, fsync among them, and ask for a password. PostgreSQL refuses to run as root; where
// the tests do, it runs as the user postgres.
//
// # Messages
//
// None.
//
// # Failure
//
// What goes wrong ends the test. Without PostgreSQL it says how to install it; nothing is
// skipped.
package pgtest
