// Package wsclient is a small client of Troupe's protocol, for commands and
// tests. It does not reconnect by itself: a loop around [Dial] that passes the
// last position to Subscribe does.
//
// # Guarantees
//
//   - Events come in the order in which the node sent them, one by one, also if it
//     sent them in batches (TestSubscribe).
//   - A call ends with its context or with the connection (TestCallsEnd).
//   - A client that is not asked for events takes a bounded number of them, and
//     then lets the node wait (TestSubscribe).
//   - Close waits until the connection's goroutine is gone; goleak watches.
//
// # Messages
//
// Frames of the protocol: it sends hello, subscribe, unsubscribe and publish, and
// understands events, batches, their answers and errors. Others are ignored.
//
// # Failure
//
// [Dial] returns a *StatusError if the node refuses the upgrade. A refused
// subscribe or publish is a *DeniedError. When the connection has ended every
// call returns a *ClosedError with the close code.
package wsclient
