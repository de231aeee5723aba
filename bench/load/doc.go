// Package load is a WebSocket client for tens of thousands of connections at
// the price of one goroutine: one epoll instance, raw non-blocking sockets, one
// read buffer for all, frames parsed in place. A WebSocket library would cost
// more than the server that it measures.
//
// # Ownership
//
// A [Loop] and everything that hangs on it belongs to the goroutine that calls
// [Loop.Run]. Handlers are called there. Nothing here is safe for concurrent
// use, and nothing starts a goroutine.
//
// # Guarantees
//
//   - A message is handed over once, whole and in order, however the server cut
//     it into frames and the kernel into reads: TestMessagesSurviveAnyCut.
//   - What a socket does not take is kept and sent when it does:
//     TestSendsMoreThanTheSocketTakes.
//   - Every connection that was dialled is reported closed exactly once, unless
//     its Loop is closed first: TestClosedIsReportedOnce.
//
// # Failure
//
// A refused upgrade, a close frame, a malformed frame and a dead socket end the
// connection with an error that says which; the Loop lives on.
package load
