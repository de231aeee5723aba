// Package pgbin finds PostgreSQL's programs, and the user that they can run as, for tests and
// benchmarks that start a server.
//
// # Messages
//
// None.
//
// # Failure
//
// Where PostgreSQL is missing the error says how to install it.
package pgbin
