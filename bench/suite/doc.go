// Package suite is the benchmarks themselves: scenarios as data, how each kind
// of scenario runs against a target, and rounds in which the targets take
// turns.
//
// # Guarantees
//
//   - Every message is checked at every receiver. A round in which one is lost,
//     doubled or swapped, or in which a client is cut off, has no figures but an
//     error: TestFaultsAreFound.
//   - A target that fails does not keep the others from being measured:
//     TestRunGoesOnAfterAFailure.
//   - A scenario that the machine's limits forbid is skipped and says so:
//     TestDoesNotFit.
//
// # Ownership
//
// A round runs on the goroutine that calls [Round]: clients, clock and checks.
// The server is a process of its own, or several over a Redis or Postgres that belongs to the
// caller, started for this round and gone after it.
package suite
