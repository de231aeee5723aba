// Package cluster starts a node: it reads a Config, wires actors, topics and
// storage together, and stops them in order. It does nothing else.
//
// # Guarantees
//
//   - The zero Config starts a node that works (TestZeroConfigWorks).
//   - All faults of a Config are reported at once, each with its field and the
//     rule (TestAllFaultsAtOnce).
//   - Drain runs the hooks newest first, then stops the topics, then the actors
//     (TestDrainOrder). A publish that was accepted before is answered
//     (TestDrainAnswersWhatWasAccepted).
//   - Drain returns soon after its context has ended, and its error names what
//     did not finish (TestDrainIsBounded). Calls after the first share its
//     result (TestDrainTwice).
//   - The end of the context given to Start drains the node (TestContextEndsNode).
//   - After Drain or Close no goroutine of the node is left (TestMain).
//   - Two nodes in one process share nothing (TestNodesAreApart).
//
// # Order
//
// Up: metrics, actors, storage, topics; then whoever calls OnDrain. Down: the
// hooks, topics, actors. Storage in memory has nothing to stop.
//
// # Messages
//
// None; a Node is called directly.
//
// # Failure
//
// Start fails with *ConfigError for what is wrong with its Config; whatever it
// had started is stopped again. A hook that panics, fails or hangs is reported
// by Drain and keeps nothing else from stopping.
package cluster
