// Package bustest proves that a bus carries frames between nodes as topic.Relay
// promises. One suite serves every bus, so that what holds in one process in tests
// holds on a backend too. A bus's own tests call [Run]:
//
//	func TestRelay(t *testing.T) {
//		bustest.Run(t, open, bustest.Options{Bubble: synctest.Test})
//	}
//
// # Guarantees
//
//   - Every case can fail: the suite's own test breaks a bus in one way after another
//     and names the cases that notice (TestSuiteCatches, TestEveryCaseCatches).
//   - A correct bus of a few lines passes (TestSuitePasses).
//   - Nothing is timed: a case waits for what must happen, and looks for what must
//     not happen behind a frame that was sent after it.
//
// Cases are named after the requirement that they show (BUS, SHD) or the sentence of
// the port.
//
// # Messages
//
// None.
//
// # Failure
//
// A case that fails says what a node received and what it should have. Cases are
// independent: each opens a [Scene] of its own.
package bustest
